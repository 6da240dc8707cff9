#!/bin/bash
# A benchmark that needs the bus alone: enigma-bus on an instance directory of its own, then
#   PROGRAM DIRECTORY ARG...
#   usage: with_bus.sh BIN-DIR PROGRAM ARG...
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "$1") program=$(realpath "$2")
shift 2
. tests/scenario/lib.sh

launch_begin bench
mkdir -p "$dir"/{etc/keys,log,sock,journal}
"$bin/enigma-bus" -i "$dir" >"$dir/log/bus.log" 2>&1 & remember $!
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
wait_until 5 test -S "$dir/sock/event.sub" || fail "the bus did not bind"
timeout 240 "$program" "$dir" "$@" || fail "${program##*/} ended with $?"
scenario_end
