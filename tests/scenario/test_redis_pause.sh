#!/bin/bash
# Redis says nothing for PAUSE seconds (SIGSTOP), then forgets everything (FLUSHALL), then is killed: trading goes on
# all the time, what is wrong is named while it lasts, and what belongs in Redis is there again afterwards.
#   usage: test_redis_pause.sh [BIN-DIR]     PAUSE=6; 60 is what the design asks for
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
pause=${PAUSE:-6}
. tests/scenario/lib.sh

launch_begin redis_pause
top=$dir dir=$dir/i
expect 0 enigma up --detach --speed 1
trading() { figure_is state TRADING; }
wait_until 30 trading || fail "not TRADING: $(figure state)"
redis_pid() { for p in $(instance_pids); do [ "$(cat "/proc/$p/comm" 2>/dev/null)" = redis-server ] && echo "$p"; done; }
sock=$(find "$dir" -name 'redis*.sock' | head -1)
keys() { redis-cli -s "$sock" --raw keys 'enigma:*' 2>/dev/null | grep -c .; }
copied() { [ "$(keys)" -gt 0 ]; }
wait_until 15 copied || fail "nothing of the state in Redis"

healthy() { enigma status 2>/dev/null | grep -q 'redis up'; }
named() { enigma status 2>/dev/null | grep -q 'no answer in time'; }
kill -STOP "$(redis_pid)"
wait_until 15 named || fail "a silent Redis is not named: $(enigma status)"
beats=$(enigma sniff -n $((pause * 14)) --timeout $((pause + 20)) agent.hb | wc -l)     # as long as that takes
[ "$beats" -gt 0 ] || fail "no heartbeats while Redis is silent"
trading || fail "does not trade while Redis is silent: $(figure state)"
kill -CONT "$(redis_pid)"
wait_until 20 healthy || fail "Redis is back and still named: $(enigma status)"

redis-cli -s "$sock" flushall >/dev/null || fail "flushall"
wait_until 20 copied || fail "what was flushed does not come back"
trading || fail "does not trade after FLUSHALL"
kill -9 "$(redis_pid)"
up_again() { [ -n "$(redis_pid)" ] && copied; }
wait_until 30 up_again || fail "Redis does not come back after a kill"
trading || fail "does not trade after Redis was killed"
expect 0 enigma down
echo "Redis silent for some $pause s, flushed, killed: traded all the time, all of it back"
scenario_end
