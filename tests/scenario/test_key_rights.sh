#!/bin/bash
# A key that can move money away trades nothing: the exchange says what it may, execution refuses it by name;
# with a good key it trades again.
#   usage: test_key_rights.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh

launch_begin key_rights
top=$dir dir=$dir/i
said() { grep -qs "\"event\":\"$1\"" "$dir/log/execution.log"; }
permission() { sed -i '/^permission/d' "$dir/etc/keys/paper-account.conf"; echo "permission = $1" >>"$dir/etc/keys/paper-account.conf"; }

expect 0 enigma up --detach --speed 1
wait_until 20 said trade.ready || fail "not ready to trade with the instance's own key"
expect 0 enigma down
permission General,Futures,Transfer
: >"$dir/log/execution.log"
expect 0 enigma up --detach --speed 1
wait_until 20 said key.refused || fail "a key that may transfer is not refused"
grep -q 'the key may .*Transfer' "$dir/log/execution.log" || fail "no reason: $(grep key.refused "$dir/log/execution.log")"
wait_until 10 said protect.ready || fail "does not protect"
said trade.ready && fail "trades with it"
expect 0 enigma down
permission General,Futures
: >"$dir/log/execution.log"
expect 0 enigma up --detach --speed 1
wait_until 20 said trade.ready || fail "not ready to trade with the good key"
expect 0 enigma down
echo "a key that may transfer: refused by name, protects, enters nothing; a good one trades"
scenario_end
