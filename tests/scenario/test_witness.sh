#!/bin/bash
# The price witness on the real paper exchange: its worker stopped, entries are refused by name and exits still
# work; its worker killed, another one takes over; execution's two children are confined as they say.
#   usage: test_witness.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh

scenario_begin witness
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
export APPROVER_FILE=$dir/counts APPROVER_MOST=1000
start test-approver -i "$dir"
# What the process manager does.
execution() { while :; do start enigma-execution -i "$dir"; wait $last; [ -e "$dir/over" ] && return; done; }
execution & keeper=$!; remember $keeper
child_of() { tr ' ' '\n' <"/proc/$1/task/$1/children" 2>/dev/null | head -1; }
runs() { execution=$(child_of $keeper); [ -n "$execution" ]; }
wait_until 5 runs || fail "execution does not run"

said() { grep -q "$1" "$dir/log/enigma-execution.log"; }
counts() { cut -d' ' -f"$1" "$dir/counts" 2>/dev/null || echo 0; }
at_least() { [ "$(counts "$1")" -ge "$2" ]; }
children() { cat /proc/"$1"/task/*/children 2>/dev/null; }
# The guard is the child of execution that has a child of its own.
worker() { local c w; for c in $(children "$execution"); do w=$(children "$c"); [ -n "$w" ] && echo $w; done; }
with_command() { (exec 9>"$dir/lock"; flock 9; "$bin/enigma" -i "$dir" "$@" 9>&-) >>"$dir/log/enigma.log" 2>&1; }
seccomp_of() { grep -s ^Seccomp: "/proc/$1/status" | tr -dc 0-9; }

wait_until 60 at_least 2 1 || fail "no position was opened"
for c in $(children "$execution"); do
  [ "$(grep ^NoNewPrivs "/proc/$c/status" | tr -dc 0-9)" = 1 ] || fail "child $c may gain privileges"
done
said '"event":"signer.confined"' && echo "this kernel: $(grep -o '"missing":"[^"]*"' "$dir/log/enigma-execution.log")"
n=0; for c in $(children "$execution"); do [ "$(seccomp_of "$c")" = 2 ] && n=$((n + 1)); done
[ $n = 1 ] || fail "$n children have a filter of system calls, not 1"

w=$(worker); [ -n "$w" ] || fail "no witness is running"
kill -STOP "$w"
with_command flatten || fail "flatten: $(cat "$dir/log/enigma.log")"
wait_until 30 at_least 3 1 || fail "the position was not closed while the witness was silent"
# The last mark is good until it is old: what was entered meanwhile is closed again.
refused() { said NO_WITNESS || { with_command flatten; with_command resume; said NO_WITNESS; }; }
wait_until 60 refused || fail "no entry was refused while the witness was silent"
opened=$(counts 2)
kill -CONT "$w"
wait_until 60 at_least 2 $((opened + 1)) || fail "no entry after the witness spoke again"
kill -9 "$w"
other() { local now; now=$(worker); [ -n "$now" ] && [ "$now" != "$w" ]; }
wait_until 10 other || fail "no other witness took over"
opened=$(counts 2)
with_command flatten && with_command resume || fail "flatten, resume: $(cat "$dir/log/enigma.log")"
wait_until 60 at_least 2 $((opened + 1)) || fail "no entry after the witness was killed"
kill -0 "$execution" || fail "execution ended with its witness"

# Who starts the workers is killed: execution ends with it, is started again, and enters again.
before=$execution
kill -9 "$(cut -d' ' -f4 "/proc/$(worker)/stat")"
again() { runs && [ "$execution" != "$before" ] && [ -n "$(worker)" ]; }
wait_until 10 again || fail "execution did not end with the process that starts its witness"
opened=$(counts 2)
wait_until 20 said '"event":"trade.ready"' || fail "execution is not ready again"
with_command flatten && with_command resume || fail "flatten, resume: $(cat "$dir/log/enigma.log")"
wait_until 60 at_least 2 $((opened + 1)) || fail "no entry after execution was started again"
touch "$dir/over"
echo "witness: silent: entries refused, flatten worked; killed: another took over; $(counts 2) positions"
scenario_end
