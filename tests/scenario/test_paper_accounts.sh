#!/bin/bash
# The paper exchange by itself: several accounts with keys and permissions from a file; killed again and again under
# orders it loses none that it answered; its options refuse what cannot be, each by name.
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

# What another instance was begun with is not silently something else.
scenario_end
pids=()
rejects() { # CODE WORD OPTION...
  local want=$1 word=$2 rc; shift 2
  out=$(cd "$dir" && timeout 20 "$bin/enigma-paper" --instance . --state "${state:-state}" "$@" 2>&1 </dev/null); rc=$?
  [ $rc = "$want" ] || fail "$* ended with $rc, not $want: $out"
  case $out in *"$word"*) ;; *) fail "$* does not say '$word': $out" ;; esac
}
rejects 4 'another seed' --accounts accounts --seed 8 --symbols XBTUSDTM,ETHUSDTM
state=fresh
rejects 2 'port' --port 65536
rejects 2 'port' --port -1
rejects 2 'admin-port' --admin-port x
rejects 2 'speed' --speed 0
rejects 2 'speed' --speed nan
rejects 2 'speed' --speed 100001
rejects 2 'seed' --seed 1e3
rejects 2 'start' --start yesterday
rejects 2 'balance' --balance -1
rejects 2 'balance' --balance 1,5
rejects 2 'market' --market nothing
rejects 2 'state' --state ''
rejects 2 'no such argument' synthetic
rejects 2 'help' --no-such-option
rejects 4 'NOSUCHUSDTM' --accounts accounts --symbols NOSUCHUSDTM
rejects 4 'repeated' --accounts accounts --symbols XBTUSDTM,XBTUSDTM
rejects 4 'nofile' --accounts accounts --market replay:XBTUSDTM=nofile
rejects 4 'none:' --accounts none
account() { # WHAT-IT-SAYS LINE...
  local says=$1; shift
  printf '%s\n' "$@" >"$dir/bad"
  rejects 4 "$says" --accounts bad
}
account 'bad:2' 'account = a' 'kee = x'
account 'bad:3' 'account = a' 'key = k' 'secret'
account 'passphrase' 'account = a' 'key = k' 'secret = s'
account 'bad:1' 'key = k'
account 'permission' 'account = a' 'key = k' 'secret = s' 'passphrase = p' 'permission = General,Everything'
account 'balance' 'account = a' 'key = k' 'secret = s' 'passphrase = p' 'balance = 1e400'
account 'given twice' 'account = a' 'key = k' 'secret = s' 'passphrase = p' 'account = b' 'key = k' 'secret = s' 'passphrase = p'
account 'names no account' '# nothing'
account 'one account too many' $(for i in $(seq 17); do echo "account=a$i"; done)
grep -aqE "Sanitizer|runtime error|invariant.broken" "$dir/log/paper" && fail "the exchange is broken: $(grep -aE "Sanitizer|runtime error|invariant.broken" "$dir/log/paper" | head -3)"
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "3 keys of 2 accounts; 5 kills, $lost; 28 bad options and files named"
