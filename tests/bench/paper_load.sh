#!/bin/bash
# What the paper exchange carries on one core: orders over keep-alive connections, beside a peer that answers at once;
# 200 WebSocket clients; and its memory over a simulated week that one of them hears.  The clients have the other core.
#   usage: paper_load.sh BIN-DIR LOAD-PROGRAM [SECONDS]     CONNS="1 16" SPEEDS="10 30"
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "$1") load=$2 seconds=${3:-10}
. tests/scenario/common.sh
scenario_begin paper_load
mkdir -p "$dir/log"
for i in $(seq 16); do printf 'account = a%d\nkey = key-%d\nsecret = secret-%d\npassphrase = pass-%d\nvip = 12\n' $i $i $i $i; done >"$dir/accounts"
clock() { curl -sf -m 2 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port" 2>/dev/null)/admin/clock"; }
ready() { clock >/dev/null; }
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
rss() { awk '/VmRSS/ {printf "%.1f MiB", $2 / 1024}' "/proc/$pid/status"; }
start() { # SPEED
  rm -rf "$dir/sock" "$dir/paper"
  (cd "$dir" && exec taskset -c 0 "$bin/enigma-paper" --instance . --accounts accounts --speed "$1") >"$dir/log/paper" 2>&1 & pid=$!; remember $pid
  wait_until 20 ready || fail "the exchange does not start"
}
stop() { kill -TERM $pid; wait_until 10 gone $pid || fail "it does not stop"; }
run() { # SPEED rest|ws CONNS
  start "$1"
  local before; before=$(ticks)
  out=$(taskset -c 1 "$load" "$2" "$(cat "$dir/sock/paper.port")" "$3" "$seconds") || fail "the load ends"
  echo "$2, speed $1: $out; CPU $(($(ticks) - before)) ticks, RSS $(rss)"
  stop
}
a_second() { sed -n 's/.*, \([0-9]*\) orders taken.*/\1/p' <<<"$1"; }
for conns in ${CONNS:-1 16}; do
  run 1 rest "$conns"; ours=$(a_second "$out")
  out=$(taskset -c 1 "$load" peer 0 "$conns" "$seconds") || fail "the peer ends"
  echo "peer: $out; ratio $(awk "BEGIN {printf \"%.2f\", $(a_second "$out") / $ours}")"
done
for speed in ${SPEEDS:-10 30}; do run "$speed" ws 200; done

start 20000
from=$(clock | jq .market_ns)
day_is() { [ "$(($(clock | jq .market_ns) - from))" -ge "$(($1 * 86400 * 1000000000))" ]; }
taskset -c 1 "$load" ws "$(cat "$dir/sock/paper.port")" 1 60 >/dev/null 2>&1 & remember $! # until the exchange ends it
for day in 1 4 7; do
  wait_until 60 day_is $day || fail "day $day does not come"
  echo "a simulated week at speed 20000, one client: day $day, RSS $(rss)"
done
stop
