#!/bin/bash
# Execution killed KILLS times after ORDERS orders, with trading going on between the kills and nothing else wrong:
# ms from exec to protect-ready and to trade-ready, also for those kills alone with which an order's request died: that
# the exchange never had it is proved while the rest trades.  Twenty minutes: `make release-check`.
#   usage: long_recovery.sh [BIN-DIR]     KILLS=60 ORDERS=10000
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}") kills=${KILLS:-60} orders=${ORDERS:-10000}
. tests/scenario/common.sh

scenario_begin recovery
mkdir -p "$dir"/{etc/keys,journal,log,sock}
start() { # NAME ARGS...
  local name=$1; shift
  (cd "$dir" && exec "$bin/$name" "$@" >>"log/$name.log" 2>&1) & last=$!; remember $last
}
start enigma-bus -i "$dir"
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
# A customer who may ask ten times as often as others.
(umask 077; printf '%s\n' 'account = paper' 'key = recovery' 'secret = of-nothing' 'passphrase = none' 'vip = 12' >"$dir/etc/keys/paper-account.conf")
export ENIGMA_PRIVATE_RATE=250 ENIGMA_MAX_CONSECUTIVE_LOSSES=100 ENIGMA_MAX_OPEN_POSITIONS=8 ENIGMA_RESTART_MAX=0
start enigma-paper --instance "$dir" --seed 1 --speed 200 --balance 1000000
wait_until 10 test -s "$dir/sock/paper.admin.port" || fail "the paper exchange did not start"
for a in orchestrator audit data signal optimizer; do start enigma-$a -i "$dir"; done
export APPROVER_SYMBOLS="XBTUSDTM ETHUSDTM SOLUSDTM XRPUSDTM BNBUSDTM DOGEUSDTM ADAUSDTM LINKUSDTM"
# A target pays for its fees: no endless row of losses.
export APPROVER_FILE=$dir/counts APPROVER_MOST=1000000 APPROVER_STOP_BP=10 APPROVER_PAUSE_MS=300
start test-approver -i "$dir"
log=$dir/log/enigma-execution.log

made() { # orders that the exchange ever took
  curl -s --max-time 5 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/open" | grep -o '"orders_ever":[0-9]*' | cut -d: -f2
}
made_least() { [ "$(made)" -ge "$1" ]; }
# More starts than this and the exchange's limit for one address is used up by them: 30 s without an answer.
five_seconds_on() { [ $(($(now_ms) - t0)) -ge 5000 ]; }
said() { tail -c "+$((from + 1))" "$log" | grep -q "\"event\":\"$1\""; }       # since it began
ms_of() { # EVENT: ms from exec
  date -d "$(tail -c "+$((from + 1))" "$log" | grep -m1 "\"event\":\"$1\"" | grep -o '"ts":"[^"]*' | cut -c7-)" +%s%3N
}
p50_p99() { sort -n | awk '{v[NR] = $1} END {if (NR) printf "p50 %d p99 %d worst %d", v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.99)], v[NR]}'; }

from=0
start enigma-execution -i "$dir"; execution=$last
wait_until 1800 made_least "$orders" || fail "only $(made) of $orders orders in half an hour"
for i in $(seq "$kills"); do
  before=$(made)
  kill -9 "$execution"; wait "$execution" 2>/dev/null
  from=$(stat -c %s "$log") t0=$(now_ms)
  start enigma-execution -i "$dir"; execution=$last
  wait_until 30 said trade.ready || fail "kill $i: not trade-ready"
  echo $(($(ms_of protect.ready) - t0)) >>"$dir/protect.ms"
  ms=$(($(ms_of trade.ready) - t0))
  echo "$ms" >>"$dir/trade.ms"
  said order.unknown && echo "$ms" >>"$dir/unknown.ms"
  wait_until 60 made_least $((before + 1 + RANDOM % 40)) || fail "kill $i: trading did not go on"
  wait_until 10 five_seconds_on || fail "kill $i: the clock stands still"
done
records=$(grep -o '"event":"journal.recovered".*"records":[0-9]*' "$log" | grep -o '[0-9]*$' | tail -n "$kills" | sort -n | tail -1)
touch "$dir/unknown.ms"
echo "$(made) orders, $kills kills, up to $records records read back after the snapshot; ms from exec: protect-ready $(p50_p99 <"$dir/protect.ms"), trade-ready $(p50_p99 <"$dir/trade.ms"), of these after $(wc -l <"$dir/unknown.ms") kills that left the outcome of an order unknown $(p50_p99 <"$dir/unknown.ms")"
scenario_end
