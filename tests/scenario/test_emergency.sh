#!/bin/bash
# Emergency stop with subsets of {Redis, bus, orchestrator, risk, signal, data, audit} killed, and the same stopped:
# flat, and no entry signed after the latch.  All 256 cases: CASES=256.
#   usage: test_emergency.sh [BIN-DIR]     CASES=64 SEED=1
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin emergency
# Positions open within seconds, and nothing but the latch ends trading.
export ENIGMA_RESTART_MAX=0 ENIGMA_STRATEGY=probe ENIGMA_COOLDOWN_BARS=0 ENIGMA_TOP_N=8 ENIGMA_MAX_CLUSTER_POSITIONS=8
export ENIGMA_GAMMA_MIN_G=-1 ENIGMA_TIME_STOP_BARS=1000 ENIGMA_MAX_CONSECUTIVE_LOSSES=100 ENIGMA_DAILY_LOSS_PCT=50
export ENIGMA_MAX_DAILY_DRAWDOWN_PCT=50 ENIGMA_SYMBOLS="XBTUSDTM ETHUSDTM SOLUSDTM XRPUSDTM"
enigma up --detach --speed "${SPEED:-120}" >"$dir.up" 2>&1 || { cat "$dir.up"; fail "enigma up"; }
python3 tests/scenario/emergency.py "$bin" "$dir" "${CASES:-64}" "${SEED:-1}" >"$dir.out" 2>&1 ||
  { cat "$dir.out"; enigma status; fail "$(tail -1 "$dir.out")"; }
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
grep -c "^case" "$dir.out"
tail -1 "$dir.out"
