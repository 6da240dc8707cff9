#!/bin/bash
# Round trips through enigma-bus beside a forwarder of our own: buslat.c on an instance directory of its own.
#   usage: buslat.sh BIN-DIR BUSLAT     ROUNDS=7 SAMPLES=3000
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "$1") buslat=$(realpath "$2")
. tests/scenario/lib.sh

launch_begin buslat
mkdir -p "$dir"/{etc/keys,log,sock}
"$bin/enigma-bus" -i "$dir" >"$dir/log/bus.log" 2>&1 & remember $!
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
wait_until 5 test -S "$dir/sock/event.sub" || fail "the bus did not bind"
timeout 300 "$buslat" "$dir" "${ROUNDS:-7}" "${SAMPLES:-3000}" || fail "buslat ended with $?"
scenario_end
