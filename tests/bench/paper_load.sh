#!/bin/bash
# What the paper exchange carries on one core: orders over keep-alive connections, and 200 WebSocket clients.
# The clients have the other core.   usage: paper_load.sh BIN-DIR LOAD-PROGRAM [SECONDS]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "$1") load=$2 seconds=${3:-10}
. tests/scenario/common.sh
scenario_begin paper_load
mkdir -p "$dir/log"
for i in $(seq 16); do printf 'account = a%d\nkey = key-%d\nsecret = secret-%d\npassphrase = pass-%d\nvip = 12\n' $i $i $i $i; done >"$dir/accounts"
ready() { curl -sf -m 2 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port" 2>/dev/null)/admin/clock" >/dev/null; }
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
rss() { awk '/VmRSS/ {printf "%.0f MB", $2 / 1024}' "/proc/$pid/status"; }
run() { # SPEED rest|ws CONNS
  rm -rf "$dir/sock" "$dir/paper"
  (cd "$dir" && exec taskset -c 0 "$bin/enigma-paper" --instance . --accounts accounts --speed "$1") >"$dir/log/paper" 2>&1 & pid=$!; remember $pid
  wait_until 20 ready || fail "the exchange does not start"
  local before; before=$(ticks)
  taskset -c 1 "$load" "$2" "$(cat "$dir/sock/paper.port")" "$3" "$seconds" || fail "the load ends"
  echo "   speed $1, the exchange: $(($(ticks) - before)) ticks of CPU, RSS $(rss)"
  kill -TERM $pid; wait_until 10 gone $pid || fail "it does not stop"
}
for conns in ${CONNS:-1 4 16}; do run 1 rest $conns; done
for speed in ${SPEEDS:-10 30 60 100}; do run "$speed" ws 200; done
