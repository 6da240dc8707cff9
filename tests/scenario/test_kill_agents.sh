#!/bin/bash
# kill -9 of each agent and of the bus, KILLS times each: ready again in 2 s, the others keep their pids.
#   usage: test_kill_agents.sh [BIN-DIR]     KILLS=3
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
kills=${KILLS:-3}
agents="orchestrator data signal risk execution optimizer audit"
. tests/scenario/common.sh

scenario_begin kill
export ENIGMA_RESTART_MAX=0         # restarts are what we do here
up_dir=$dir/i
"$bin/enigma" -i "$up_dir" up --detach --speed 1 >"$dir/up.log" 2>&1 || { cat "$dir/up.log"; fail "enigma up"; }
dir=$up_dir
status() { "$bin/enigma" -i "$up_dir" status --json 2>/dev/null; }
# pid of a program as supervisord's child
pid_of() { pgrep -P "$(cat "$up_dir/sock/supervisord.pid")" -f -- "^$bin/enigma-$1 -i \.( |$)" | head -1; }
pids() { for a in bus $agents; do echo "$a $(pid_of "$a")"; done; }
# Everybody is active, from heartbeats younger than the kill.
is_active() {
  status | python3 -c '
import json,sys
s=json.load(sys.stdin); name,pid,want=sys.argv[1],int(sys.argv[2]),sys.argv[3]
a=s["agents"][name]
sys.exit(0 if a and a["pid"]==pid and a["life"]==want else 1)' "$1" "$2" active
}
all_active() { status | python3 -c '
import json,sys
s=json.load(sys.stdin); sys.exit(0 if all(a and a["life"]=="active" for a in s["agents"].values()) and s["state"]=="TRADING" else 1)'; }
wait_until 10 all_active || fail "not all agents become active: $(status)"

# When did the killed one say in its log that it is ready (or active, or started)?
ready_ms() { # NAME EVENT-PATTERN SINCE-MS
  grep -a "$2" "$up_dir/log/$1.log" | tail -1 | python3 -c '
import json,sys,datetime
line=sys.stdin.readline()
if not line: sys.exit(1)
t=datetime.datetime.fromisoformat(json.loads(line)["ts"].replace("Z","+00:00")).timestamp()*1000
since=float(sys.argv[1])
if t<since: sys.exit(1)
print(int(t-since))' "$3"
}
report=""
for a in $agents bus; do
  worst=0 sum=0
  for i in $(seq "$kills"); do
    before=$(pids)
    victim=$(pid_of "$a")
    t0=$(now_ms)
    kill -9 "$victim"
    case $a in
      bus) pattern='"event":"started"' ;;
      *) pattern='"now":"\(ready\|active\)"' ;;
    esac
    wait_until 10 ready_ms "$a" "$pattern" "$t0" >/dev/null || fail "$a, kill $i: not ready again"
    t=$(ready_ms "$a" "$pattern" "$t0" | tail -1)
    sum=$((sum + t)); [ "$t" -gt $worst ] && worst=$t
    after=$(pids)
    changed=$(diff <(grep -v "^$a " <<<"$before") <(grep -v "^$a " <<<"$after")) || fail "others restarted with $a: $changed"
    [ "$(pid_of "$a")" != "$victim" ] || fail "$a has the pid of the killed one"
  done
  wait_until 10 all_active || fail "after killing $a not all are active: $(status)"
  report="$report $a $((sum / kills))/$worst"
  [ $worst -le 2000 ] || fail "$a took $worst ms, more than 2000"
done
"$bin/enigma" -i "$up_dir" down || fail "enigma down"
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "kill -9, $kills times each, mean/worst ms to ready:$report"
