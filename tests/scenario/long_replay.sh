#!/bin/bash
# The crash of 5 August 2024 replayed at 300x: healthy, with closed trades; every closed 1 m candle on the bus
# equals the file's row rounded half-even to the contract's tick.  Needs the candle files; about 130 s.
#   usage: long_replay.sh [BIN-DIR]     CANDLES=directory FOR=120
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
candles=$(realpath "${CANDLES:-../shared/data/candles}" 2>/dev/null)
btc=$candles/binance-spot_BTCUSDT_1m_2024-07_2024-08.csv.gz
eth=$candles/binance-spot_ETHUSDT_1m_2024-07_2024-08.csv.gz
[ -s "$btc" ] && [ -s "$eth" ] || { echo "the candle files are not here: nothing was replayed"; exit 0; }

launch_begin replay
seconds=${FOR:-120}
enigma up --for "$seconds" --speed 300 --start 2024-08-04T22:00Z \
  --market "replay:XBTUSDTM=$btc,ETHUSDTM=$eth" >"$dir.out" 2>&1 & up=$!; remember $up
bus_there() { [ -S "$dir/sock/market.sub" ]; }
wait_until 10 bus_there || fail "the bus did not come up: $(cat "$dir.out")"
enigma sniff market.candle. --json >"$dir.candles" 2>"$dir.gaps" & remember $!
wait $up; rc=$?
tail -1 "$dir.out"
[ $rc = 0 ] || fail "not healthy: $(tail -3 "$dir.out")"
python3 tests/scenario/compare_candles.py "$dir.candles" "$btc" 0.1 "$eth" 0.01 "$seconds" || fail "candles differ"
tail -1 "$dir.out" | python3 -c 'import json,sys; sys.exit(0 if json.load(sys.stdin)["positions_closed"] > 0 else 1)' ||
  fail "no position was closed"
