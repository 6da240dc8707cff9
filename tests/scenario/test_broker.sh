#!/bin/bash
# The broker is killed five times and its clients come back by themselves; a second one is refused; the
# sniffer's filters, counts and exit codes.
#   usage: test_broker.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh

scenario_begin broker
mkdir -p "$dir"/{etc/keys,journal,log,sock}
start() { "$bin/enigma-bus" -i "$dir" >>"$dir/log/bus.log" 2>&1 & bus=$!; remember $bus; }
sniff() { timeout 15 "$bin/enigma-sniff" -i "$dir" "$@" 2>>"$dir/log/sniff.log"; }
code() { local want=$1 rc; shift; sniff "$@" >/dev/null; rc=$?; [ $rc = "$want" ] || fail "sniff $*: exit $rc, not $want"; }

start
wait_until 5 test -S "$dir/sock/market.sub" || fail "the bus did not bind"

timeout 10 "$bin/enigma-bus" -i "$dir" 2>/dev/null >&2; rc=$?
[ $rc = 75 ] || fail "a second bus on the instance: exit $rc, not 75"
kill -0 $bus || fail "the first bus did not survive the second"

[ "$(sniff agent.hb --json -n 2 | jq -r .from | sort -u)" = broker ] || fail "no two heartbeats as JSON"
[ "$(sniff agent.hb --filter "payload.pid==$bus && from==broker" --field payload.pid --once)" = $bus ] || fail "--filter, --field"
[ "$(sniff agent.hb --csv -n 1 | wc -l)" = 2 ] || fail "--csv: a head and a line"
[[ $(sniff agent.hb --raw --once) =~ ^agent\.hb\ [0-9a-f]{80}\ [0-9a-f]+$ ]] || fail "--raw"
[ "$(sniff info agent.hb --json --timeout 2 | jq -c '[.publisher,.gaps,.count>0]')" = '["broker",0,true]' ] || fail "info"
code 5 signal. --timeout 1
code 0 agent.hb --timeout 1 -n 100         # fewer than wanted, and says so
code 5 agent.hb --from risk --timeout 1
code 0 agent.hb --timeout 2 -n 1
code 2 --filter payload.a=1
code 4 --as nobody

"$bin/enigma-sniff" -i "$dir" agent.hb --json >"$dir/beats" 2>>"$dir/log/sniff.log" & remember $!
heard() { grep -q "\"pid\":$bus," "$dir/beats"; }
wait_until 5 heard || fail "no heartbeat before the first kill"
times=()
for i in 1 2 3 4 5; do
  kill -9 $bus; wait $bus 2>/dev/null
  start
  t0=$(now_ms)
  wait_until 10 heard || fail "kill $i: the sniffer did not come back"
  times+=($(($(now_ms) - t0)))
done
kill -9 $bus; wait $bus 2>/dev/null
code 3 agent.hb
start
scenario_end
echo "bus killed 5 times: heartbeats heard again after ${times[*]} ms; a second bus is refused with 75"
