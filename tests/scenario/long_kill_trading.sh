#!/bin/bash
# kill -9 of each of the seven agents, the bus and Redis, KILLS times each, under trading at speed 1 with the
# probe strategy: ready again in 2 s, execution ready to trade in 5 s, the others keep their pids, no open
# position without a resting closing stop, trading goes on.  Takes several minutes: `make release-check`.
#   usage: long_kill_trading.sh [BIN-DIR]     KILLS=20
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
kills=${KILLS:-20}
agents="orchestrator data signal risk execution optimizer audit"
. tests/scenario/common.sh
here=tests/scenario/kill_trading.py

scenario_begin chaos
export ENIGMA_RESTART_MAX=0 ENIGMA_STRATEGY=probe ENIGMA_COOLDOWN_BARS=0 ENIGMA_TOP_N=8 ENIGMA_MAX_CLUSTER_POSITIONS=8 ENIGMA_GAMMA_MIN_G=-1 ENIGMA_TIME_STOP_BARS=1000
up_dir=$dir/i
"$bin/enigma" -i "$up_dir" up --detach --speed 1 >"$dir/up.log" 2>&1 || { cat "$dir/up.log"; fail "enigma up"; }
dir=$up_dir
supervisord=$(cat "$up_dir/sock/supervisord.pid")
pid_of() {
  case $1 in
    redis) pgrep -P "$supervisord" -f -- "^redis-server" | head -1 ;;
    *) pgrep -P "$supervisord" -f -- "^$bin/enigma-$1 -i \.( |$)" | head -1 ;;
  esac
}
pids() { for a in bus redis $agents; do echo "$a $(pid_of "$a")"; done; }
python3 $here watch "$up_dir" "$up_dir/watched" & watcher=$!; remember $watcher
positions() { python3 $here open "$up_dir" 2>/dev/null || echo 0; }
three() { [ "$(positions)" -ge 3 ]; }
wait_until 600 three || fail "three positions did not open in ten minutes: $(positions)"
echo "three positions are open"

ready_ms() { # NAME PATTERN SINCE-MS
  grep -a "$2" "$up_dir/log/$1.log" | tail -1 | python3 -c '
import json,sys,datetime
line=sys.stdin.readline()
if not line: sys.exit(1)
if line[0]=="{": t=datetime.datetime.fromisoformat(json.loads(line)["ts"].replace("Z","+00:00")).timestamp()*1000
else: t=datetime.datetime.strptime(line.split(" ",1)[1][:24],"%d %b %Y %H:%M:%S.%f").replace(tzinfo=datetime.timezone.utc).timestamp()*1000
since=float(sys.argv[1])
if t<since: sys.exit(1)
print(int(t-since))' "$3"
}
all=0 bad="" report=""
for a in $agents bus redis; do
  worst=0 sum=0
  for i in $(seq "$kills"); do
    wait_until 240 three || fail "$a, kill $i: three positions did not open again: $(positions)"
    all=$((all + 1))
    before=$(pids); victim=$(pid_of "$a"); t0=$(now_ms)
    kill -9 "$victim"
    case $a in
      bus) pattern='"event":"started"' ;;
      redis) pattern='ready to accept connections' ;;
      *) pattern='"now":"\(ready\|active\)"' ;;
    esac
    wait_until 10 ready_ms "$a" "$pattern" "$t0" >/dev/null || fail "$a, kill $i: not ready again"
    t=$(ready_ms "$a" "$pattern" "$t0" | tail -1)
    sum=$((sum + t)); [ "$t" -gt $worst ] && worst=$t
    others=$(grep -v "^$a " <<<"$before") now=$(pids | grep -v "^$a ")
    [ "$now" = "$others" ] || bad="$bad; with $a others restarted: $others became $now"
    if [ $a = execution ]; then
      trade_ready() { ready_ms execution '"event":"trade.ready"' "$t0"; }
      wait_until 10 trade_ready >/dev/null || bad="$bad; execution not ready to trade 10 s after kill $i"
      tr=$(trade_ready | tail -1); [ -n "$tr" ] && [ "$tr" -gt "${worst_trade:-0}" ] && worst_trade=$tr
    fi
  done
  report="$report $a $((sum / kills))/$worst"
  [ $worst -le 2000 ] || bad="$bad; $a took $worst ms"
done
before=$(python3 -c 'import sys; sys.argv=["","open",sys.argv[1]]' "$up_dir"; curl -s "http://127.0.0.1:$(cat "$up_dir/sock/paper.admin.port")/admin/truth" | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["orders"]))')
more_orders() { [ "$(curl -s "http://127.0.0.1:$(cat "$up_dir/sock/paper.admin.port")/admin/truth" | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["orders"]))')" -gt "$before" ]; }
wait_until 180 more_orders || bad="$bad; trading did not go on"
read -r bare samples <"$up_dir/watched"
"$bin/enigma" -i "$up_dir" down
echo "kill -9, $kills times each, mean/worst ms to ready:$report; execution ready to trade, worst ${worst_trade:-?} ms"
echo "$all kills with three or more positions open; worst time without a resting closing stop $bare ms ($samples looks)"
[ -z "$bad" ] || fail "${bad#; }"
