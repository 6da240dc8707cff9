#!/bin/bash
# One paper exchange mirrors the public feed of another: the same contracts, books, trades, candles and mark prices; a
# client's orders there meet the mirrored market and leave the upstream alone.  With the upstream gone, or a delta
# lost, the contracts are paused until their books are whole again.
#   usage: test_mirror.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh
scenario_begin mirror
mkdir -p "$dir/log" "$dir/up" "$dir/down"
for who in up down; do
  printf 'account = %s\nkey = key-%s\nsecret = secret-%s\npassphrase = pass-%s\n' one one one one >"$dir/$who/accounts"
done
ready() { curl -sf -m 2 "http://127.0.0.1:$(cat "$dir/$1/sock/paper.admin.port" 2>/dev/null)/admin/clock" >/dev/null; }
start() { # up|down OPTION...
  local who=$1; shift
  (cd "$dir/$who" && exec "$bin/enigma-paper" --instance . --accounts accounts "$@") >>"$dir/log/$who" 2>&1 & pid=$!; remember $pid
  wait_until 20 ready "$who" || fail "$who does not start"
}
start up --symbols XBTUSDTM,ETHUSDTM,SOLUSDTM; upstream=$pid
url=http://127.0.0.1:$(cat "$dir/up/sock/paper.port")
start down --market "mirror:$url" --symbols XBTUSDTM,ETHUSDTM,ADAUSDTM
py() { python3 tests/scenario/mirror.py "$dir" "$@"; }
out=$(py same 2>&1) || fail "$out"
echo "$out"
out2=$(py orders 2>&1) || fail "$out2"
echo "$out2"

out3=$(py hole 2>&1) || fail "$out3"
echo "$out3"
kill -9 $upstream; wait $upstream 2>/dev/null
status_is() { [ "$(curl -s "http://127.0.0.1:$(cat "$dir/down/sock/paper.port")/api/v1/contracts/XBTUSDTM" | jq -r .data.status)" = "$1" ]; }
wait_until 20 status_is Paused || fail "the upstream is gone and the contract still trades"
start up --symbols XBTUSDTM,ETHUSDTM,SOLUSDTM
wait_until 20 status_is Open || fail "the upstream is back and the contract stays paused"
again=$(py books 2>&1) || fail "$again"
scenario_end
pids=()
grep -aqE "Sanitizer|runtime error|invariant.broken" "$dir"/log/* && fail "an exchange is broken"
out=$(cd "$dir/down" && "$bin/enigma-paper" --instance . --state other --accounts accounts --market "mirror:$url" --speed 5 2>&1); rc=$?
[ $rc = 2 ] || fail "a mirror at speed 5 ends with $rc: $out"
nobody_left || fail "left running: $(instance_pids | xargs)"

# The same as the whole system's market.
start up --symbols XBTUSDTM,ETHUSDTM,SOLUSDTM
"$bin/enigma" -i "$dir/whole" up --detach --market "mirror:http://127.0.0.1:$(cat "$dir/up/sock/paper.port")" >"$dir/log/whole" 2>&1 ||
  fail "the system on a mirrored market: $(tail -3 "$dir/log/whole")"
mirrored() { grep -q '"event":"mirror.book","symbol":"ETHUSDTM","state":"whole"' "$dir/whole/log/paper.log"; }
wait_until 20 mirrored || fail "the system trades, and not on the mirrored book"
"$bin/enigma" -i "$dir/whole" down >"$dir/log/whole.down" 2>&1 || fail "down: $(cat "$dir/log/whole.down")"
scenario_end
echo "mirrored: $out2; $out3; paused without the upstream and open with it; the whole system trades on it"
