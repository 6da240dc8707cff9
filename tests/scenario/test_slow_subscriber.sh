#!/bin/bash
# One subscriber is stopped (SIGSTOP) and one reads a message a second, while RATE durable messages a second go to a
# third: it hears all of them, once and in order, the publisher does not stand still, and how long the publisher
# takes over a message with and without the slow ones, in turns, is printed.  What the slow one was not given it
# fetches when it is well again.
#   usage: test_slow_subscriber.sh [BIN-DIR]     ROUNDS=3 SECONDS_EACH=4 RATE=2000
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
rounds=${ROUNDS:-3} each=${SECONDS_EACH:-4} rate=${RATE:-2000}
. tests/scenario/common.sh

scenario_begin slow
mkdir -p "$dir"/{etc/keys,journal,log,sock}
"$bin/enigma-bus" -i "$dir" >"$dir/log/bus.log" 2>&1 & bus=$!; remember $bus
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
wait_until 5 test -S "$dir/sock/event.pub" || fail "the bus did not bind"
consumer() { # AS SLOW-MS
  DURABLE_ROLE=consume DURABLE_AS=$1 DURABLE_SLOW_MS=$2 DURABLE_FILE=$dir/$1 \
    "$bin/test-durable" -i "$dir" --watchdog-s 600 >>"$dir/log/$1.log" 2>&1 & last=$!; remember $last
}
consumer audit 0
DURABLE_ROLE=publish DURABLE_RATE=$rate DURABLE_COUNT=100000000 DURABLE_FILE=$dir/published \
  "$bin/test-durable" -i "$dir" --watchdog-s 30 >"$dir/log/publisher.log" 2>&1 & publisher=$!; remember $publisher
published() { cut -d' ' -f1 "$dir/published"; }
said() { [ "$(published)" -gt "$1" ]; }
applied() { [ "$(cut -d' ' -f"$2" "$dir/$1" 2>/dev/null || echo 0)" -gt "$3" ]; }
wait_until 10 applied audit 1 100 || fail "nothing arrives"

phase() { # 0|1: as many messages as there are in $each seconds
  echo "$1" >"$dir/published.phase"
  wait_until 60 said $(($(published) + rate / 2 * each)) || fail "the publisher stands still at $(cat "$dir/published")"
}
for _ in $(seq "$rounds"); do
  phase 0
  (cd "$dir" && exec "$bin/enigma-sniff" -i "$dir" risk. >/dev/null 2>&1) & stopped=$!; remember $stopped
  wait_until 5 test -e /proc/$stopped/cwd; kill -STOP $stopped
  consumer execution 1000; slow=$last
  phase 1
  kill -9 $stopped $slow; wait $stopped $slow 2>/dev/null
done
consumer execution 0                    # well again
kill -TERM $publisher; wait $publisher
read -r d1 d2 _ <"$dir/published"
DURABLE_ROLE=publish DURABLE_RATE=0 DURABLE_FILE=$dir/published2 \
  "$bin/test-durable" -i "$dir" >>"$dir/log/publisher.log" 2>&1 & remember $!
same() { [ "$(cat "$dir/audit")" = "$d1 $d2 0" ] && [ "$(cat "$dir/execution")" = "0 $d2 0" ]; }
wait_until 120 same || fail "published $d1 $d2, applied (and wrong) $(cat "$dir/audit"); once slow $(cat "$dir/execution")"
{ read -r n0 p50_0 p99_0; read -r n1 p50_1 p99_1; } <"$dir/published.p99"
python3 -c "print('published', $d1 + $d2, 'lost 0; publisher us: alone p50 $p50_0 p99 $p99_0 ($n0), beside a stopped and a slow one p50 $p50_1 p99 $p99_1 ($n1); p99 ratio %.2f' % ($p99_1 / $p99_0))"
scenario_end
