#!/bin/bash
# A simulated day of the paper exchange at --speed 1000, heard and asked for as any client would: the statistics of each
# contract beside those of recorded markets, all inside.  About 150 s.
#   usage: long_market_day.sh [BIN-DIR]     SEED=1
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh
scenario_begin market_day
mkdir -p "$dir/log"
start=2026-01-05T00:00Z
(cd "$dir" && exec "$bin/enigma-paper" --instance . --speed 1000 --seed "${SEED:-1}" --start $start) >"$dir/log/paper" 2>&1 & remember $!
ready() { curl -sf -m 2 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port" 2>/dev/null)/admin/clock" >/dev/null; }
wait_until 20 ready || fail "the exchange does not start"
python3 tests/scenario/market_day.py "$(cat "$dir/sock/paper.port")" "$(date -d $start +%s)000" || fail "a figure is outside what was recorded"
scenario_end
