#!/bin/bash
# Which symbols may be entered: the so many of the list with the largest turnover, none that the venue does not
# list, none while it is paused; what changes at the venue is seen without a restart.
#   usage: test_universe.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin universe
mkdir -p "$dir/etc"
cat >"$dir/etc/enigma.conf" <<END
symbols = XBTUSDTM ETHUSDTM SOLUSDTM XRPUSDTM BNBUSDTM NOSUCHUSDTM
top_symbols = 3
timer_scale = 0.1
END
expect 0 enigma up --detach --speed 60 --start "$(date -u +%F)T02:00Z"      # the choice is made anew at midnight

# "SYMBOL STATUS TRADABLE" of each contract as data tells it now.
contracts() {
  enigma sniff market.contract --json -n 5 --timeout 12 2>/dev/null | python3 -c '
import json, sys
for p in sorted((json.loads(l)["payload"] for l in sys.stdin), key=lambda p: p["symbol"]):
    print(p["symbol"], p["status"], p["tradable"])'
}
three='BNBUSDTM Open False
ETHUSDTM Open True
SOLUSDTM Open True
XBTUSDTM Open True
XRPUSDTM Open False'
contracts_are() { seen=$(contracts); [ "$seen" = "$1" ]; }
wait_until 60 contracts_are "$three" || fail "not the three of largest turnover: $seen"
grep -q 'NOT_LISTED' "$dir"/log/*.log || fail "nobody says that NOSUCHUSDTM is not listed"

say() {
  curl -sf -m 5 -d "{\"symbol\":\"$1\",\"status\":\"$2\"}" \
    "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/contract" >/dev/null || fail "the exchange does not obey"
}
say ETHUSDTM Paused
wait_until 60 contracts_are "${three/ETHUSDTM Open True/ETHUSDTM Paused False}" || fail "a paused contract is not seen: $seen"
say ETHUSDTM Open
wait_until 60 contracts_are "$three" || fail "it does not come back: $seen"
expect 0 enigma down
wait_until 15 nobody_left || fail "left running: $(instance_pids)"
echo "three of five by turnover, one unlisted, one paused and back: all seen"
