#!/bin/bash
# `enigma reload`: what is allowed changes in all agents at once, what is not changes nothing and is named; who is
# killed at any point of it comes back with what all the others have, never with what was only edited.
#   usage: test_reload.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin reload
export ENIGMA_RESTART_MAX=0 ENIGMA_STRATEGY=probe ENIGMA_COOLDOWN_BARS=0 ENIGMA_TOP_N=8 ENIGMA_MAX_CLUSTER_POSITIONS=8
export ENIGMA_GAMMA_MIN_G=-1 ENIGMA_TIME_STOP_BARS=1000 ENIGMA_MAX_CONSECUTIVE_LOSSES=100 ENIGMA_DAILY_LOSS_PCT=50
export ENIGMA_MAX_DAILY_DRAWDOWN_PCT=50

conf() { printf '%s\n' "$@" >"$dir/etc/enigma.conf"; }
said() { case $out in *"$1"*) ;; *) fail "it does not say \"$1\": $out" ;; esac; }
# The one configuration that all seven run; fails when they are not all there, active and of one.
one_hash() {
  enigma status --json 2>/dev/null | python3 -c '
import json, sys
s = json.load(sys.stdin)["agents"].values()
h = {a["config"] for a in s if a and a["life"] == "active"}
sys.exit(1) if len(h) != 1 or not all(a and a["life"] == "active" and a["age_s"] < 1.5 for a in s) else print(h.pop())'
}
one() { hash=$(one_hash); }
hash_is() { [ "$(one_hash)" = "$1" ]; }
in_state() { figure_is state "$1"; }
epoch() { sed -n '1s/^# epoch \([0-9]*\),.*/\1/p' "$dir/etc/committed.conf"; }
epoch_is_not() { [ "$(epoch)" != "$1" ]; }
pid() { figure "agents.$1.pid"; }
back() { local p; p=$(pid "$1") && [ -n "$p" ] && [ "$p" != "$2" ] && [ "$(figure "agents.$1.life")" = active ]; }
unchanged() { hash_is "$hash" && [ "$(epoch)" = "$at" ] || fail "something changed: $hash at $at, now $(one_hash) at $(epoch)"; }
heard() { grep -q "$2" "$dir/log/$1.log"; }

mkdir -p "$dir/etc"
conf 'max_open_positions = 6' 'log_level = warn'
expect 0 enigma up --detach --seed 1
wait_until 20 in_state TRADING || fail "it does not trade"
wait_until 10 one || fail "not one configuration after the start"
first=$hash at=$(epoch)
heard risk '"level":"info"' && fail "risk logs at level info before the reload"
some_open() { [ "$(figure positions_open)" -ge 2 ]; }
wait_until 120 some_open || fail "no two positions are open"

# Tighter and free while it trades.
conf 'max_open_positions = 1' 'log_level = info'
expect 0 enigma reload --dry-run; said 'max_open_positions'; said '6 -> 1'; said 'nothing was changed'
unchanged
expect 0 enigma reload; said 'in force everywhere'
wait_until 5 epoch_is_not "$at" || fail "not committed"
wait_until 10 one && [ "$hash" != "$first" ] || fail "risk and the others run $hash"
wait_until 120 heard risk '"reason":"MAX_POSITIONS"' || fail "risk does not refuse on the new limit"
heard audit '"id":"I-013"' && fail "a tighter limit is taken for a broken invariant"
in_state TRADING || fail "a tighter limit ended trading: $(figure state), $(figure reason)"
expect 0 enigma reload; said 'nothing to change'
at=$(epoch)

# What is refused, by name, and without a trace.
conf 'max_open_positions = 7' 'log_level = info'
expect 6 enigma reload; said 'max_open_positions: 1 to 7 (LIMIT, looser)'; said 'enigma pause'
unchanged
conf 'max_open_positions = 1' 'log_level = info' 'symbols = XBTUSDTM'
expect 6 enigma reload; said 'symbols'; said 'RESTART'; said 'enigma down'
unchanged
conf 'max_open_positions = 1' 'leverage is five'
expect 4 enigma reload; said 'etc/enigma.conf:2'
unchanged
conf 'max_open_positions = 1' 'cooldown_bars = 9'
expect 6 enigma reload; said 'contradicts'; said 'etc/enigma.conf:2'     # the environment says another
unchanged
expect 2 enigma reload now
manager() { (cd "$dir" && supervisorctl -c etc/supervisord.conf "$@") >/dev/null; }
manager stop optimizer
conf 'max_open_positions = 1' 'log_level = debug'
expect 6 enigma reload; said 'optimizer'
manager start optimizer
wait_until 20 one || fail "not one configuration after a missing answer"
unchanged

# Looser, and what only changes in a pause, with a limit that the signer holds.
expect 0 enigma pause
base=('max_order_notional = 90000' 'stop_atr = 2')
conf 'max_open_positions = 7' 'log_level = info' "${base[@]}"
mv "$dir/etc/keys/operator.sign" "$dir/operator.sign"
expect 6 enigma reload; said "operator's signature"
unchanged
mv "$dir/operator.sign" "$dir/etc/keys/operator.sign"
expect 0 enigma reload
wait_until 20 one && [ "$hash" != "$first" ] && in_state PAUSED || fail "not one configuration: $(one_hash)"
entered() { grep -c '"event":"position.opened"' "$dir/log/execution.log"; }
held=$(entered)
wait_until 20 enigma resume >/dev/null 2>&1 || fail "it does not resume"
# Another may have closed meanwhile: an entry counts, and that it is the second is what the old limit refused.
more() { [ "$(entered)" -gt "$held" ] && [ "$(figure positions_open)" -ge 2 ]; }
wait_until 120 more || fail "nothing is entered under the new configuration: $held before, $(entered) now, $(figure positions_open) open"
at=$(epoch)

# Killed right after it: back with the same; edited only: not followed.
was=$(pid risk)
kill -9 "$was"
wait_until 20 back risk "$was" || fail "risk does not come back"
wait_until 10 hash_is "$hash" || fail "risk came back with another configuration"
conf 'max_open_positions = 2' "${base[@]}"
was=$(pid execution)
kill -9 "$was"
wait_until 20 back execution "$was" || fail "execution does not come back"
wait_until 10 hash_is "$hash" || fail "execution came back with what was only edited"
expect 0 enigma status; said 'not in force: '
expect 0 enigma config; said 'etc/committed.conf:'; said 'not in force: '
at=$(epoch)

# The orchestrator killed between the question and the commit, and right behind the commit: one of the two, everywhere.
kill_when() { # CMD...: reload under way, the orchestrator dies when CMD holds
  local cli o; o=$(pid orchestrator)
  "$bin/enigma" -i "$dir" reload >"$dir/reload.out" 2>&1 </dev/null & cli=$!
  remember $cli
  wait_until 10 "$@" || fail "the reload does not come so far: $(cat "$dir/reload.out")"
  kill -9 "$o"
  kill -9 $cli 2>/dev/null
  [ -n "$stopped" ] && kill -CONT "$stopped"
  wait_until 20 back orchestrator "$o" || fail "the orchestrator does not come back"
  wait_until 20 one || fail "mixed configurations: $(figure agents)"
  wait_until 20 in_state TRADING || fail "it does not trade again: $(figure state), $(figure reason)"
}
rm -f "$dir/etc/proposed.conf"
stopped=$(pid signal)
kill -STOP "$stopped"                   # its answer is missing: there is no commit
before=$hash
kill_when test -s "$dir/etc/proposed.conf"
stopped=
wait_until 20 hash_is "$before" || fail "a proposal without all answers was followed"
unchanged
for n in 1 2 3; do
  conf "max_open_positions = 2" "${base[@]}" "rest_timeout_ms = $((5000 + n))"
  rm -f "$dir/etc/proposed.conf"
  at=$(epoch)
  kill_when epoch_is_not "$at"
  expect 0 enigma reload; said 'nothing to change'
done

# From stopped, the file is taken as it is.
expect 0 enigma down
conf 'max_open_positions = 8'
expect 0 enigma up --detach
wait_until 20 one || fail "not one configuration after another start"
expect 0 enigma config; said 'max_open_positions         8'
case $out in *'not in force'*) fail "something is not in force after a start: $out" ;; esac
expect 0 enigma down
wait_until 15 nobody_left || fail "left running: $(instance_pids)"
echo "tightened while trading, loosened in a pause, refused by name; killed in between: one configuration everywhere"
