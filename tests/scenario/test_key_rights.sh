#!/bin/bash
# A key that can move money away, or of another sub-account, trades nothing: the exchange says what it is, execution
# refuses it by name; with a good key it trades again.  Revoked under open positions: an emergency that names them.
#   usage: test_key_rights.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh

launch_begin key_rights
top=$dir dir=$dir/i
said() { grep -qs "\"event\":\"$1\"" "$dir/log/execution.log"; }
account() { sed -i "/^$1/d" "$dir/etc/keys/paper-account.conf"; echo "$1 = $2" >>"$dir/etc/keys/paper-account.conf"; }
admin() { curl -s -m 5 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/$1" "${@:2}"; }

expect 0 enigma up --detach --speed 1
wait_until 20 said trade.ready || fail "not ready to trade with the instance's own key"
expect 0 enigma down
account permission General,Futures,Transfer
: >"$dir/log/execution.log"
expect 0 enigma up --detach --speed 1
wait_until 20 said key.refused || fail "a key that may transfer is not refused"
grep -q 'the key may .*Transfer' "$dir/log/execution.log" || fail "no reason: $(grep key.refused "$dir/log/execution.log")"
wait_until 10 said protect.ready || fail "does not protect"
said trade.ready && fail "trades with it"
expect 0 enigma down
account permission General,Futures
export ENIGMA_SUB_ACCOUNT=small
: >"$dir/log/execution.log"
expect 0 enigma up --detach --speed 1
wait_until 20 said key.refused || fail "a key of the main account is not refused in place of a sub-account's"
grep -q 'main account.*sub_account = small' "$dir/log/execution.log" || fail "no reason: $(grep key.refused "$dir/log/execution.log")"
expect 0 enigma down
account sub small

# Everything good, and trading.
export ENIGMA_RESTART_MAX=0 ENIGMA_STRATEGY=probe ENIGMA_COOLDOWN_BARS=0 ENIGMA_TOP_N=8 ENIGMA_GAMMA_MIN_G=-1
export ENIGMA_TIME_STOP_BARS=1000 ENIGMA_MAX_CONSECUTIVE_LOSSES=100 ENIGMA_DAILY_LOSS_PCT=50 ENIGMA_MAX_DAILY_DRAWDOWN_PCT=50
: >"$dir/log/execution.log"
expect 0 enigma up --detach --speed 120
wait_until 20 said trade.ready || fail "not ready to trade with the good key"
open_now() { admin truth | jq '[.positions[] | select(.open)] | length'; }
some_open() { [ "$(open_now)" -ge 1 ]; }
none_open() { [ "$(open_now)" = 0 ]; }
wait_until 180 some_open || fail "nothing opened"
wait_until 10 said position.opened || fail "what opened is not known"
admin faults -d '{"fault":"key_revoked","on":true}' >/dev/null
stopped() { figure_is state EMERGENCY_STOP && [ -e "$dir/STOP" ]; }
wait_until 40 stopped || fail "a revoked key is no emergency: $(figure state)"
reason=$(figure reason)
case $reason in CREDENTIALS*"open: "*USDTM*) ;; *) fail "it does not name what is open: $reason" ;; esac
some_open || fail "closed without a key"
admin faults -d '{"fault":"key_revoked","on":false}' >/dev/null
wait_until 60 none_open || fail "with the key back it is not closed: $(open_now) open"
resumed() { enigma resume >/dev/null 2>&1; figure_is state TRADING; }
wait_until 60 resumed || fail "not trading again: $(enigma resume 2>&1)"
expect 0 enigma down
echo "a key that may transfer, one of another account: refused by name, nothing entered; revoked: $reason; back: flat, and resumed"
scenario_end
