#!/bin/bash
# The market stream is cut CUTS times at random under trading: the books are whole again soon, each after a snapshot
# of its own, and nothing is approved on a stale one.
#   usage: test_socket_cuts.sh [BIN-DIR]     CUTS=15 SEED=1
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin cuts
export ENIGMA_STRATEGY=probe ENIGMA_COOLDOWN_BARS=0 ENIGMA_TOP_N=8 ENIGMA_MAX_CLUSTER_POSITIONS=8 ENIGMA_GAMMA_MIN_G=-1
export ENIGMA_TIME_STOP_BARS=3 ENIGMA_MAX_CONSECUTIVE_LOSSES=100

expect 0 enigma up --detach --speed 20 --seed "${SEED:-1}"
"$bin/enigma" -i "$dir" sniff market.book. risk.approved --json --timeout 1200 2>"$dir/log/sniff.log" |
  python3 tests/scenario/socket_cuts.py "$dir" "${CUTS:-15}" "${SEED:-1}" >"$dir/said" 2>&1
rc=${PIPESTATUS[1]}
[ $rc = 0 ] || fail "$(cat "$dir/said")"
resets=$(grep -c '"event":"stream.down"' "$dir/log/data.log")
[ "$resets" -ge "${CUTS:-15}" ] || fail "the stream was lost $resets times only"
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
cat "$dir/said"
