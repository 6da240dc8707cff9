#!/bin/bash
# The real execution agent, built with failpoints (libagent/failpoint.def), on the real paper exchange: it dies at each
# place on the way of a trade, with the answer to its entry as it should be or reset behind the acceptance, comes back
# without the failpoint, and the exchange's own record decides: one order per approval, every fill known, no position
# without a closing stop, nothing left at the end.
#   usage: test_failpoints.sh [BIN-DIR]      FAILPOINT_ALL=1: every failpoint (or FAILPOINT_NAMES) and both answers, else
#                                            a few
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh

scenario_begin failpoints
mkdir -p "$dir"/{etc/keys,journal,log,sock}
export ENIGMA_RESTART_MAX=0
start() { # NAME ARGS...
  local name=$1; shift
  (cd "$dir" && exec "$bin/$name" "$@" >>"log/$name.log" 2>&1) & last=$!; remember $last
}
start enigma-bus -i "$dir"
wait_until 5 test -s "$dir/etc/keys/guest.cert" || fail "the bus made no certificates"
start enigma-paper --instance "$dir" --seed 1
wait_until 10 test -s "$dir/sock/paper.admin.port" || fail "the paper exchange did not start"
for a in orchestrator audit data signal optimizer; do start enigma-$a -i "$dir"; done
export APPROVER_FILE=$dir/counts APPROVER_MOST=1000
start test-approver -i "$dir"

admin() { curl -s -m 5 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/$1" "${@:2}"; }
truth() { admin truth; }
entries() { truth | jq '[.orders[] | select(.closeOrder or .reduceOnly | not)] | length'; }
open() { truth | jq -e '[.positions[] | select(.open)] | length > 0' >/dev/null; }
flat() { ! open; }
bare() { # a position without a resting stop that closes all of it
  truth | jq -e '([.positions[] | select(.open)] | length > 0) and
    ([.orders[] | select(.state == "stop" and .closeOrder)] | length == 0)' >/dev/null
}
nothing_left() { truth | jq -e '[.orders[] | select(.state != "done")] | length == 0' >/dev/null; }
said() { grep -q "\"event\":\"$1\"" "$dir/log/test-execution-failpoints.log"; }
settled() { [ -s "$dir/counts" ] && read -r approved _ closed rejected <"$dir/counts" && [ "$approved" -gt "$1" ] && { open || [ $((closed + rejected)) -ge "$approved" ]; }; }
dead() { gone "$execution"; }
operator() { (exec 9>"$dir/lock"; flock 9; "$bin/enigma" -i "$dir" "$@" 9>&-) >>"$dir/log/operator.log" 2>&1; }
ended() { read -r approved _ closed rejected <"$dir/counts" && [ "$approved" = $((closed + rejected)) ]; }

names=${FAILPOINT_NAMES:-$(grep -o '^FAILPOINT_AT([a-z_]*' libagent/failpoint.def | cut -d'(' -f2)}
all=${FAILPOINT_ALL:-0}
deaths=0 trades=0 unreached=
resumed() { operator resume || tail -1 "$dir/log/operator.log" | grep -q 'in state TRADING'; }
go() { wait_until 45 eval 'dead || resumed'; }
revive() { # WHAT
  wait "$execution"; [ $? = 137 ] || fail "$1: it ended otherwise"
  deaths=$((deaths + 1))
  start test-execution-failpoints -i "$dir"; execution=$last
}
one() { # FAILPOINT:PASS ANSWER
  local before=0 was=$deaths
  [ -s "$dir/counts" ] && read -r before _ <"$dir/counts"
  [ "$2" = reset ] && admin faults -d '{"fault":"rest_reset_after","on":true,"match":"POST/api/v1/st-orders","count":1}' >/dev/null
  export FAILPOINT=$1
  start test-execution-failpoints -i "$dir"; execution=$last
  unset FAILPOINT
  go || fail "$1 $2: neither dead nor trading"
  until dead || settled "$before"; do wait_until 45 eval 'dead || settled $before' || fail "$1 $2: neither dead nor settled"; done
  dead || wait_until 2 dead
  bare && fail "$1 $2: a position without a stop"
  if dead; then
    revive "$1 $2"
    go || fail "$1 $2: it does not trade again"
    wait_until 45 settled "$before" || fail "$1 $2: nothing came of the approval after the restart"
  fi
  bare && fail "$1 $2: a position without a stop after the restart"
  admin faults -d '{"fault":"rest_reset_after","on":false}' >/dev/null
  operator flatten || fail "$1 $2: flatten: $(tail -1 "$dir/log/operator.log")"
  wait_until 40 eval 'dead || nothing_left' || fail "$1 $2: orders are left, and it lives"
  dead && revive "$1 $2"                # some places lie on the way of a close
  wait_until 30 flat || fail "$1 $2: flatten left a position"
  wait_until 30 nothing_left || fail "$1 $2: orders are left"
  wait_until 30 ended || fail "$1 $2: the trade does not end: $(cat "$dir/counts")"
  trades=$((trades + 1))
  [ $deaths -gt $was ] || unreached="$unreached $1"
  kill -TERM "$execution"; wait_until 10 dead || fail "$1 $2: it does not stop"
}
for name in $names; do
  case $name in absent|protect|cancel|cancel_reply|query_reply|finished) continue ;; esac     # not on the way of such a trade
  for answer in fine reset; do
    [ "$all" = 1 ] || case $name:$answer in sent:fine|reply:reset|record_written:fine) ;; *) continue ;; esac
    case $name in record_*|told|effect|signed) pass=8 ;; *) pass=1 ;; esac
    one $name:$pass $answer
  done
done

# The count, by the exchange's own record.
doubled=$(truth | jq '[.orders[] | select(.clientOid != "") | .clientOid] | length - (unique | length)')
[ "$doubled" = 0 ] || fail "$doubled orders have another one's id"
read -r approved _ <"$dir/counts"
[ "$(entries)" -le "$approved" ] || fail "$(entries) entries for $approved approvals"
unknown=0
for id in $(truth | jq -r '.fills[].tradeId'); do
  grep -q "\"exec_id\":\"$id\"" "$dir/log/test-execution-failpoints.log" || unknown=$((unknown + 1))
done
[ $unknown = 0 ] || fail "$unknown fills of the exchange were never told"
[ $deaths -gt 0 ] || fail "it never died"
echo "$trades trades, $deaths deaths at failpoints: 0 lost, 0 doubled, 0 fills untold, 0 without a stop${unreached:+; not reached:$unreached}"
scenario_end
