#!/bin/bash
# A consumer is killed, its publisher says more and then is gone for good: what the consumer misses comes from
# audit's archive, once and in order.
#   usage: test_archive_replay.sh [BIN-DIR]     RATE=2000
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
rate=${RATE:-2000}
. tests/scenario/common.sh

scenario_begin archive
mkdir -p "$dir"/{etc/keys,journal,log,sock}
"$bin/enigma-bus" -i "$dir" >"$dir/log/bus.log" 2>&1 & bus=$!; remember $bus
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
wait_until 5 test -S "$dir/sock/event.pub" || fail "the bus did not bind"
(cd "$dir" && exec "$bin/enigma-audit" -i "$dir" >"$dir/log/audit.log" 2>&1) & audit=$!; remember $audit
consumer() {
  DURABLE_ROLE=consume DURABLE_FILE=$dir/consumed "$bin/test-durable" -i "$dir" >>"$dir/log/consumer.log" 2>&1 & last=$!; remember $last
}
consumer
DURABLE_ROLE=publish DURABLE_RATE=$rate DURABLE_COUNT=100000000 DURABLE_FILE=$dir/published \
  "$bin/test-durable" -i "$dir" >"$dir/log/publisher.log" 2>&1 & publisher=$!; remember $publisher
applied() { [ "$(cut -d' ' -f2 "$dir/consumed" 2>/dev/null || echo 0)" -ge "$1" ]; }
said() { [ "$(cut -d' ' -f2 "$dir/published" 2>/dev/null || echo 0)" -ge "$1" ]; }
wait_until 15 applied 200 || fail "nothing arrives"
kill -9 $last; wait $last 2>/dev/null
had=$(cut -d' ' -f2 "$dir/consumed")
# Audit has heard what its heartbeats say it has applied; a thousand behind the newest is more than enough.
wait_until 60 said $((had + 3000)) || fail "the publisher stands still"
must_come=$(($(cut -d' ' -f2 "$dir/published") - 1000))
kill -9 $publisher; wait $publisher 2>/dev/null
rm -rf "$dir/journal/risk"              # not even its disk is left
consumer
wait_until 60 applied $must_come || fail "had $had, must get $must_come, has $(cat "$dir/consumed")"
read -r _ got wrong <"$dir/consumed"
[ "$wrong" = 0 ] || fail "$wrong out of order"
echo "publisher gone with its disk: consumer had $had, got up to $got from the archive, 0 missing, 0 repeated"
scenario_end
