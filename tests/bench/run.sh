#!/bin/bash
# All benchmarks, about six minutes; docs/PERFORMANCE.md says what they mean.
#   usage: run.sh [BIN-DIR]     ROUNDS=7 SAMPLES=3000 WIRE_ROUNDS=5 WIRE_SAMPLES=3000 SECONDS_STAGES=45
#                               SECONDS_EACH=30 SETTLE=10 SECONDS_PAPER=5
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
lib=${bin%/bin}

made=$(mktemp -d /tmp/enigma-bench-made.XXXXXX) || exit 1
trap 'rm -rf "$made"' EXIT
for p in calibrate core_bench buslat wire2order stages paper_load; do
  "${CC:-cc}" -std=c11 -O2 -g -Wall -Wextra -Wpedantic -Wshadow -Werror -I. -D_GNU_SOURCE -Wl,--as-needed \
    tests/bench/$p.c "$lib"/lib{agent-execution,agent,exchange,core,proto}.a \
    -lczmq -lzmq -luv -lcurl -lwebsockets -lhiredis -lsqlite3 -ljansson -lmsgpackc -lsodium -lbidgcc000 -lm -lz \
    -o "$made/$p" || exit 1
done

rc=0
# part TITLE CMD...: its output, with the load it began and ended under.
part() {
  local load0 title=$1; shift
  load0=$(cut -d' ' -f1 /proc/loadavg)
  echo
  echo "== $title"
  "$@" || rc=1
  echo "load $load0 -> $(cut -d' ' -f1 /proc/loadavg)"
}

echo "$(date -u '+%F %H:%M'), $(nproc) cores $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1-3 /proc/loadavg)"
part "calibration: this machine" "$made/calibrate" "$made"
part "the core" "$made/core_bench"
part "bus latency" tests/bench/with_bus.sh "$bin" "$made/buslat" "${ROUNDS:-7}" "${SAMPLES:-3000}"
part "wire to order" tests/bench/with_bus.sh "$bin" "$made/wire2order" "${WIRE_ROUNDS:-5}" "${WIRE_SAMPLES:-3000}"
part "the real agents, stage by stage" tests/bench/stages.sh "$bin" "$made/stages"
part "the paper exchange" tests/bench/paper_load.sh "$bin" "$made/paper_load" "${SECONDS_PAPER:-5}"
part "memory and processor time" tests/bench/resources.sh "$bin"
exit $rc
