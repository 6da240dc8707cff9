#!/bin/bash
# Execution on the real paper exchange, with a stand-in for risk that signs real approvals:
# order -> fill -> position with its closing stop -> execution killed and back -> flatten -> closed,
# as the exchange's own record of orders, fills and positions tells it.
#   usage: test_execution.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh

scenario_begin execution
mkdir -p "$dir"/{etc/keys,journal,log,sock}
start() { # NAME ARGS...
  local name=$1; shift
  (cd "$dir" && exec "$bin/$name" "$@" >>"log/$name.log" 2>&1) & last=$!; remember $last
}
start enigma-bus -i "$dir"
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
start enigma-paper --instance "$dir" --seed 1
wait_until 10 test -s "$dir/sock/paper.admin.port" || fail "the paper exchange did not start"
for a in orchestrator audit data signal optimizer; do start enigma-$a -i "$dir"; done
export APPROVER_FILE=$dir/counts APPROVER_MOST=1
start test-approver -i "$dir"
start enigma-execution -i "$dir"; execution=$last

# The exchange's own record, one object a line.
truth() {
  exec 3<>"/dev/tcp/127.0.0.1/$(cat "$dir/sock/paper.admin.port")" || return 1
  printf 'GET /admin/truth HTTP/1.1\r\nHost: paper\r\nConnection: close\r\n\r\n' >&3
  timeout 5 cat <&3 | grep -o '{[^{}]*}'
  exec 3>&-
}
position() { truth | grep -q '"open":true'; }
flat() { ! position; }
stopped() { truth | grep '"state":"stop"' | grep '"stop":"down"' | grep -q '"closeOrder":true'; }
nothing_left() { ! truth | grep -qE '"state":"(stop|open)"'; }
said() { grep -q "\"event\":\"$1\"" "$dir/log/enigma-execution.log"; }

wait_until 20 said protect.ready || fail "execution is not protect-ready"
wait_until 20 said trade.ready || fail "execution is not trade-ready"
wait_until 30 said order.placed || fail "no entry was placed"
wait_until 10 position || fail "no position at the exchange"
wait_until 2 stopped || fail "the position has no resting closing stop"
wait_until 5 said position.opened || fail "execution did not say position.opened"

kill -9 "$execution"; wait "$execution" 2>/dev/null
t0=$(now_ms)
: >"$dir/log/enigma-execution.log"
start enigma-execution -i "$dir"; execution=$last
wait_until 5 said protect.ready || fail "not protect-ready after kill -9"
protect=$(($(now_ms) - t0))
wait_until 8 said trade.ready || fail "not trade-ready after kill -9"
trade=$(($(now_ms) - t0))
stopped || fail "the stop is gone after kill -9"

# The command asks whether the instance runs: its lock is held.
(exec 9>"$dir/lock"; flock 9; "$bin/enigma" -i "$dir" flatten 9>&-) >"$dir/log/flatten.log" 2>&1 || fail "flatten: $(cat "$dir/log/flatten.log")"
wait_until 10 flat || fail "flatten left a position"
wait_until 5 said position.closed || fail "execution did not say position.closed"
wait_until 5 nothing_left || fail "orders are left at the exchange"
echo "entry, fill, stop, kill -9 (protect-ready $protect ms, trade-ready $trade ms), flatten: as the exchange tells it"
scenario_end
