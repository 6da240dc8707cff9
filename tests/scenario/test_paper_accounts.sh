#!/bin/bash
# The paper exchange by itself: several accounts with keys and permissions from a file; killed again and again under
# orders it loses none that it answered.
#   usage: test_paper_accounts.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh
scenario_begin paper_accounts
mkdir -p "$dir/log"

cat >"$dir/accounts" <<END
# two traders and a reader of the first one's books
account = alice
key = key-alice
secret = secret-alice
passphrase = pass-alice
balance = 5000

account = bob
key = key-bob
secret = secret-bob
passphrase = pass-bob
balance = 700.25

account = alice
key = key-reader
secret = secret-reader
passphrase = pass-reader
permission = General
END

options=(--instance . --accounts accounts --market synthetic --speed 60 --seed 7 --port 0 --admin-port 0
         --state state --symbols XBTUSDTM,ETHUSDTM --balance 123)
paper() { (cd "$dir" && exec "$bin/enigma-paper" "${options[@]}") >>"$dir/log/paper" 2>&1 & pid=$!; remember $pid; }
ready() { curl -sf -m 2 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port" 2>/dev/null)/admin/clock" >/dev/null; }
start() { paper; wait_until 20 ready || fail "the exchange does not start"; }
: >"$dir/answered"
start
ports=$(cat "$dir/sock/paper.port" "$dir/sock/paper.admin.port")
first=$(python3 tests/scenario/paper_accounts.py "$dir/sock" begin 2>&1) || fail "$first"

# Orders without an end, and kill -9 in their midst: what was answered is there.
for round in 1 2 3 4 5; do
  python3 tests/scenario/paper_accounts.py "$dir/sock" storm "$dir/answered" >"$dir/log/storm" 2>&1 & storm=$!; remember $storm
  more() { [ "$(wc -l <"$dir/answered")" -ge $((round * 40)) ]; }
  wait_until 20 more || fail "no orders: $(cat "$dir/log/storm")"
  kill -9 $pid
  wait $pid 2>/dev/null
  wait_until 10 gone $storm || fail "the client does not notice"
  start
  [ "$ports" = "$(cat "$dir/sock/paper.port" "$dir/sock/paper.admin.port")" ] || fail "other ports after a restart"
  lost=$(python3 tests/scenario/paper_accounts.py "$dir/sock" verify "$dir/answered" 2>&1) || fail "round $round: $lost"
done

scenario_end
pids=()
grep -aqE "Sanitizer|runtime error|invariant.broken" "$dir/log/paper" && fail "the exchange is broken: $(grep -aE "Sanitizer|runtime error|invariant.broken" "$dir/log/paper" | head -3)"
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "3 keys of 2 accounts; 5 kills, $lost"
