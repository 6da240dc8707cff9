#!/bin/bash
# All benchmarks; docs/PERFORMANCE.md says what they mean.
#   usage: run.sh [BIN-DIR]     SECONDS_EACH=30 ROUNDS=7 SAMPLES=3000
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
lib=${bin%/bin}

made=$(mktemp -d /tmp/enigma-bench-made.XXXXXX) || exit 1
trap 'rm -rf "$made"' EXIT
"${CC:-cc}" -std=c11 -O2 -g -Wall -Wextra -Wpedantic -Wshadow -Werror -I. -D_GNU_SOURCE -Wl,--as-needed \
  tests/bench/buslat.c "$lib"/lib{agent,exchange,core,proto}.a \
  -lczmq -lzmq -luv -lcurl -lwebsockets -lhiredis -lsqlite3 -ljansson -lmsgpackc -lsodium -lbidgcc000 -lm -lz \
  -o "$made/buslat" || exit 1

rc=0
echo "$(date -u +%F), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)"
echo
echo "== bus latency"
tests/bench/buslat.sh "$bin" "$made/buslat" || rc=1
echo
echo "== memory and processor time"
tests/bench/resources.sh "$bin" || rc=1
exit $rc
