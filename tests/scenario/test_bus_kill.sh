#!/bin/bash
# The bus is killed KILLS times under RATE durable messages a second: none is lost, none comes twice.
#   usage: test_bus_kill.sh [BIN-DIR]     KILLS=20 RATE=1000
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
kills=${KILLS:-20} rate=${RATE:-1000}
. tests/scenario/common.sh

scenario_begin bus_kill
mkdir -p "$dir"/{etc/keys,journal,log,sock}
start() { "$bin/enigma-bus" -i "$dir" >>"$dir/log/bus.log" 2>&1 & bus=$!; remember $bus; }
start
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
wait_until 5 test -S "$dir/sock/event.pub" || fail "the bus did not bind"

DURABLE_ROLE=consume DURABLE_AS=audit DURABLE_FILE=$dir/audit \
  "$bin/test-durable" -i "$dir" --watchdog-s 30 >"$dir/log/audit.log" 2>&1 & remember $!
DURABLE_ROLE=publish DURABLE_RATE=$rate DURABLE_COUNT=100000000 DURABLE_FILE=$dir/published \
  "$bin/test-durable" -i "$dir" --watchdog-s 30 >"$dir/log/publisher.log" 2>&1 & publisher=$!; remember $publisher
applied() { [ "$(cut -d' ' -f1 "$dir/audit" 2>/dev/null || echo 0)" -gt "$1" ]; }
wait_until 10 applied 100 || fail "nothing arrives"

worst=0
for i in $(seq "$kills"); do
  kill -9 $bus; wait $bus 2>/dev/null
  start
  now=$(cut -d' ' -f1 "$dir/published")
  t0=$(now_ms)
  wait_until 10 applied "$now" || fail "kill $i: stuck at $(cat "$dir/audit") of $(cat "$dir/published")"
  t=$(($(now_ms) - t0)); [ $t -gt $worst ] && worst=$t
  wait_until 10 applied $((now + rate / 4)) || fail "kill $i: stands still after it"
done

kill -TERM $publisher; wait $publisher
read -r d1 d2 _ <"$dir/published"
same() { [ "$(cat "$dir/audit")" = "$d1 $d2 0" ]; }
# The publisher is gone: what the consumer still misses it fetches when the publisher is back.
DURABLE_ROLE=publish DURABLE_RATE=0 DURABLE_FILE=$dir/published2 \
  "$bin/test-durable" -i "$dir" >>"$dir/log/publisher.log" 2>&1 & remember $!
wait_until 15 same || fail "published $d1 $d2, applied (and wrong) $(cat "$dir/audit")"
echo "bus killed $kills times at $rate/s: published $((d1 + d2)), applied $((d1 + d2)), lost 0, repeated 0; worst catch-up $worst ms"
scenario_end
