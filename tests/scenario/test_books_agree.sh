#!/bin/bash
# After some minutes of market, the market is closed and everybody is asked what happened: the exchange's own
# record, audit's archive as it lies on disk, execution's and risk's books agree to the last digit.  And the
# comparison is one that can fail: each figure that is altered in a copy is found.
#   usage: test_books_agree.sh [BIN-DIR]     SECONDS_OF_TRADING=40 SEED=1
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin books
books=$dir/books balance=10000

admin() { curl -s --max-time 5 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/$1" "${@:2}"; }
traded() { admin truth | jq -e '([.positions[] | select(.open)] | length >= 1) and ([.positions[] | select(.open | not)] | length >= 2)' >/dev/null; }
collect() {
  mkdir -p "$books"
  admin truth >"$books/truth.json" && enigma orders --json >"$books/orders.json" &&
    enigma positions --json >"$books/positions.json" && enigma positions --of risk --json >"$books/risk.json" &&
    enigma trades --json -n 1000 >"$books/trades.json"
}
compare() { python3 tests/scenario/books_agree.py "$1" "$2" $balance; }
agree() { collect && compare "$books" "$dir/journal/audit" >"$dir/verdict" 2>&1; }

expect 0 enigma up --detach --speed 60 --seed "${SEED:-1}" --balance $balance
sleep "${SECONDS_OF_TRADING:-40}"
wait_until 180 traded || fail "one open and two closed positions did not come: $(admin truth | jq -c '.positions | map(.open)')"
expect 0 enigma pause
admin contract -d '{"symbol":"*","status":"Paused"}' >/dev/null     # the market stands still
wait_until 20 agree || fail "the books differ: $(cat "$dir/verdict")"
cat "$dir/verdict"

# Altered copies: FILE FILTER
planted=0
while read -r file filter; do
  rm -rf "$dir/altered"; cp -r "$books" "$dir/altered"
  jq "$filter" "$books/$file.json" >"$dir/altered/$file.json" || fail "jq $filter"
  cmp -s "$books/$file.json" "$dir/altered/$file.json" && fail "$filter changes nothing in $file"
  compare "$dir/altered" "$dir/journal/audit" >/dev/null 2>&1 && fail "not found: $file $filter"
  planted=$((planted + 1))
done <<'END'
truth .fills[0].price += "1"
truth .fills[-1].fee += "1"
truth .fills[0].size += 1
truth del(.fills[-1])
truth .fills += [.fills[0] | .tradeId = "1"]
truth .orders[0].price += "1"
truth .orders[0].size += 1
truth .orders[-1].side = (if .orders[-1].side == "buy" then "sell" else "buy" end)
truth del(.orders[0])
truth (.positions[] | select(.open) | .size) += 1
truth (.positions[] | select(.open) | .openPrice) += "1"
truth (first(.positions[] | select(.open)) | .upnl) |= (. + (if test("[.]") then "1" else ".1" end))
truth (.positions[] | select(.open | not) | .fees) += "1"
truth (.positions[] | select(.open | not) | .closePrice) += "1"
orders del(.[0])
orders .[0].cum_qty += 1
positions .[0].entry_px += "1"
positions del(.[0])
risk .[0].qty += 1
risk .[0].entry_px += "1"
trades .[0].net_pnl += "1"
trades .[0].exit_reason = "NONSENSE"
trades del(.[-1])
END
cp -r "$dir/journal/audit" "$dir/archive"
python3 - "$dir/archive" <<'END'
import glob, sys
path = sorted(glob.glob(sys.argv[1] + "/*.jrn"))[0]
b = bytearray(open(path, "rb").read())
at = b.index(b"order.filled")
b[at + 200] ^= 1
open(path, "wb").write(b)
END
compare "$books" "$dir/archive" >/dev/null 2>&1 && fail "not found: one bit of the archive"
planted=$((planted + 1))

expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "$(tail -1 "$dir/verdict"); $planted of $planted planted ones found"
