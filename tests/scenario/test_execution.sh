#!/bin/bash
# Execution on the real paper exchange, with a stand-in for risk that signs real approvals:
# order -> fill -> position with its closing stop -> execution killed and back -> flatten -> closed -> somebody
# trades by hand on the same account -> the bus dies and the STOP file alone closes everything, as the exchange's
# own record of orders, fills and positions tells it.
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
start enigma-bus -i "$dir"; bus=$last
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
start enigma-paper --instance "$dir" --seed 1
wait_until 10 test -s "$dir/sock/paper.admin.port" || fail "the paper exchange did not start"
for a in orchestrator audit data signal optimizer; do start enigma-$a -i "$dir"; done
export APPROVER_FILE=$dir/counts APPROVER_MOST=2
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
open_qty() { truth | grep '"open":true' | grep "\"symbol\":\"$1\"" | grep -o '"size":[0-9]*' | cut -d: -f2; }
open_is() { [ "$(open_qty "$1")" = "$2" ]; }
# A request as a person at the venue's screen would send it: METHOD TARGET [BODY].
request() {
  python3 - "$dir" "$@" <<'EOF'
import base64, hashlib, hmac, json, sys, time, urllib.request
where, method, target, body = sys.argv[1:4] + [(sys.argv + [""])[4]]
names = dict(line.split("=", 1) for line in open(where + "/etc/keys/paper-account.conf") if "=" in line)
key = {name.strip(): value.strip() for name, value in names.items()}
stamp = str(int(time.time() * 1000))
sign = lambda text: base64.b64encode(hmac.new(key["secret"].encode(), text.encode(), hashlib.sha256).digest()).decode()
request = urllib.request.Request(
    "http://127.0.0.1:%s%s" % (open(where + "/sock/paper.port").read().strip(), target), body.encode() or None,
    {"KC-API-KEY": key["key"], "KC-API-SIGN": sign(stamp + method + target + body), "KC-API-TIMESTAMP": stamp,
     "KC-API-PASSPHRASE": sign(key["passphrase"]), "KC-API-KEY-VERSION": "3", "Content-Type": "application/json"},
    method=method)
answer = json.load(urllib.request.urlopen(request, timeout=5))
sys.exit(0 if answer["code"] == "200000" else "refused: %s" % answer)
EOF
}
# A market order: SYMBOL SIDE LOTS REDUCE-ONLY.
by_hand() {
  request POST /api/v1/orders "{\"clientOid\":\"hand-$(date +%s%N)\",\"symbol\":\"$1\",\"side\":\"$2\",\"type\":\"market\",\"marginMode\":\"ISOLATED\",\"leverage\":2,\"size\":$3,\"reduceOnly\":$4}"
}
said() { grep -q "\"event\":\"$1\"" "$dir/log/enigma-execution.log"; }

wait_until 20 said protect.ready || fail "execution is not protect-ready"
wait_until 20 said trade.ready || fail "execution is not trade-ready"
wait_until 90 said order.placed || fail "no entry was placed"
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
wait_until 10 nothing_left || fail "orders are left at the exchange"

# Somebody opens a position of their own: said, left alone, and nothing is entered until it is gone.
by_hand ETHUSDTM buy 3 false || fail "the exchange refused the order by hand"
wait_until 15 said position.foreign || fail "a position opened by hand was not seen"
wait_until 2 said trade.not_ready || fail "entries are still allowed beside a foreign position"
open_is ETHUSDTM 3 || fail "the foreign position was touched"
: >"$dir/log/enigma-execution.log"
by_hand ETHUSDTM sell 3 true || fail "the exchange refused the close by hand"
wait_until 15 said trade.ready || fail "not trade-ready after the foreign position was closed"

# Half of ours is closed by hand.
(exec 9>"$dir/lock"; flock 9; "$bin/enigma" -i "$dir" resume 9>&-) >"$dir/log/resume.log" 2>&1 || fail "resume: $(cat "$dir/log/resume.log")"
wait_until 30 position || fail "no second position"
side=sell; truth | grep '"open":true' | grep -q '"side":"short"' && side=buy
wait_until 5 open_is XBTUSDTM 4 || fail "the second entry is not filled"
wait_until 5 said position.opened || fail "execution did not say the second position"
by_hand XBTUSDTM $side 2 true || fail "the exchange refused the half by hand"
wait_until 15 said position.corrected || fail "half a position closed by hand was not seen"
open_is XBTUSDTM 2 || fail "the rest of the position was touched"

# Its stop is taken away by hand: another one rests at once.
request DELETE "/api/v1/stopOrders?symbol=XBTUSDTM" || fail "the exchange refused to cancel the stops by hand"
protected() { truth | grep '"state":"stop"' | grep -q '"closeOrder":true'; }
wait_until 5 protected || fail "the stop that was taken away is not replaced"

# A stop of ours that nobody knows, in a symbol that is flat: it goes when that is proved.
: >"$dir/log/enigma-execution.log"
request POST /api/v1/orders '{"clientOid":"ME100000000000000000000000000S01","symbol":"ETHUSDTM","side":"sell","type":"market","marginMode":"ISOLATED","stop":"down","stopPrice":"10","stopPriceType":"TP","closeOrder":true}' || fail "the exchange refused the stop by hand"
orphan() { truth | grep '"symbol":"ETHUSDTM"' | grep -q '"state":"stop"'; }
orphan || fail "no orphaned stop"
no_orphan() { ! orphan; }
wait_until 20 no_orphan || fail "an orphaned stop is left"
said order.orphaned || fail "the orphaned stop was not said"
protected || fail "the stop of the position is gone"

# The bus is dead: the STOP file alone closes everything.
kill -9 "$bus"; wait "$bus" 2>/dev/null
touch "$dir/STOP"
wait_until 10 flat || fail "the STOP file closed nothing while the bus was dead"
wait_until 10 nothing_left || fail "orders are left at the exchange after the emergency"
echo "entry, fill, stop, kill -9 (protect-ready $protect ms, trade-ready $trade ms), flatten, trades by hand, STOP without a bus: as the exchange tells it"
scenario_end
