#!/bin/bash
# The real agents from the last candle of a batch to the exchange's answer to the entry, and their memory with
# positions open: SECONDS_STAGES seconds at 12 market seconds a second, under the probe strategy, which fires on
# each bar of each symbol; limits that would end a losing run early, and the request rate, are raised.
#   usage: stages.sh BIN-DIR STAGES     SECONDS_STAGES=45
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "$1") stages=$(realpath "$2")
. tests/scenario/lib.sh
. tests/bench/agents.sh

launch_begin stages
export ENIGMA_STRATEGY=probe ENIGMA_COOLDOWN_BARS=0 ENIGMA_TOP_N=8 ENIGMA_MAX_CLUSTER_POSITIONS=8 ENIGMA_GAMMA_MIN_G=-1 \
  ENIGMA_TIME_STOP_BARS=1 ENIGMA_MAX_CONSECUTIVE_LOSSES=100 ENIGMA_DAILY_LOSS_PCT=50 ENIGMA_MAX_DAILY_DRAWDOWN_PCT=50 \
  ENIGMA_PRIVATE_RATE=1000 ENIGMA_RATE_BURST=1000
enigma up --detach --speed 12 >"$dir.up" 2>&1 || fail "enigma up: $(cat "$dir.up")"
wait_until 30 figure_is state TRADING || fail "not TRADING: $(figure state)"
timeout 300 "$stages" "$dir" "${SECONDS_STAGES:-45}" || fail "no entry was placed"
agents_all_there || fail "not all there"
echo "Pss of bus and seven agents then: $(awk "BEGIN { printf \"%.1f\", $(pss_kib) / 1024 }") MiB, goal 128"
enigma down >/dev/null || fail "down is refused"
wait_until 15 nobody_left || fail "left running: $(instance_pids)"
