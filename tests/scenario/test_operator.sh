#!/bin/bash
# What `enigma` must refuse, and what it must leave alone: usage, configuration, a second start, a killed
# process manager.
#   usage: test_operator.sh [BIN-DIR]
set -u
cd "${ROOT:-$(dirname "$0")/../..}" || exit 1
bin=$(realpath "${1:-build/release/bin}")
. "${LIB:-tests/scenario/lib.sh}"
launch_begin operator
agents="orchestrator data signal risk execution optimizer audit"
# SURVEY=1: go on after a failed expectation, and count
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); [ -n "${SURVEY:-}" ] || exit 1; }

for verb in close config doctor down emergency flatten funnel keys logs orders pause positions reload restart resume sniff status stop trades up; do
  expect 0 enigma $verb --help
done
expect 2 enigma
expect 2 enigma no-such-verb
expect 2 enigma up --no-such-option
expect 2 enigma restart
expect 2 "$bin/enigma" -i
expect 2 "$bin/enigma" -i "" status
expect 2 enigma close --symbol XBTUSDTM
expect 2 enigma pause --symbol
expect 2 enigma stop now
expect 2 enigma trades -n 0
expect 2 enigma trades -n
expect 2 enigma positions --of data
expect 2 enigma config --check
expect 2 enigma logs -x
expect 2 enigma up --market replay:
expect 2 enigma up --seed ""
expect 2 enigma up --for 5 --detach
for n in nan 0x10 1e3 " 5" +5 -1 0; do expect 2 timeout 8 "$bin/enigma" -i "$dir" up --detach --speed "$n"; enigma down >/dev/null 2>&1; done
for n in 1.5 nan 0x1 " 1"; do expect 2 timeout 8 "$bin/enigma" -i "$dir" up --detach --seed "$n"; enigma down >/dev/null 2>&1; done
for p in $(instance_pids); do kill -9 "$p"; done
rm -rf "$dir"
expect 3 enigma status
expect 3 enigma down
expect 3 enigma pause

mkdir -p "$dir/etc"
echo 'no_such_key = 1' >"$dir/etc/enigma.conf"
expect 4 enigma up --detach
case $out in *etc/enigma.conf:1*) ;; *) fail "the message names no file and line: $out" ;; esac
nobody_left || fail "something runs after a refused start"
rm "$dir/etc/enigma.conf"
expect 4 timeout 20 "$bin/enigma" -i "$dir" up --live --detach     # the configuration says paper
enigma down >/dev/null 2>&1
for p in $(instance_pids); do kill -9 "$p"; done
rm -rf "$dir"

expect 0 enigma up --detach --seed 1
pids_now() { local a; for a in $agents; do figure "agents.$a.pid"; done | xargs; }
wait_until 5 figure_is redis_up true || fail "Redis is not up"
before=$(pids_now)
files() { cat "$dir"/etc/{instance,supervisord,redis,enigma}.conf 2>/dev/null | cksum; }
sum=$(files)
expect 4 enigma up --detach
expect 4 enigma up --detach --dev
[ "$(files)" = "$sum" ] || fail "a refused start rewrote the files of a running instance"
expect 4 enigma up --detach --seed 2
expect 4 timeout 40 "$bin/enigma" -i "$dir" up --detach --seed 2 --fresh-if-changed
[ "$(pids_now)" = "$before" ] || fail "--fresh-if-changed moved a running instance away: before [$before] now [$(pids_now)]"
ls -d "$dir".* >/dev/null 2>&1 && fail "moved: $(ls -d "$dir".*)"
expect 0 enigma restart signal
expect 6 enigma close NOSUCH
expect 6 enigma pause --symbol NOSUCH
expect 0 enigma trades --json
[ "$(jq -r type <<<"$out")" = array ] || fail "trades --json is no array: $out"
for what in status "status --json" trades orders positions funnel logs config; do
  "$bin/enigma" -i "$dir" $what >&- 2>/dev/null && fail "\`$what\` says that it wrote to a closed output"
  "$bin/enigma" -i "$dir" $what >/dev/full 2>/dev/null && fail "\`$what\` says that it wrote to a full disk"
done
case $(enigma status) in *$'\033'*) fail "control characters without a terminal" ;; esac
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
for p in /proc/[0-9]*; do case $(readlink "$p/cwd" 2>/dev/null) in "$dir".*) kill -9 "${p#/proc/}" ;; esac; done

expect 0 enigma up --detach
kill -9 "$(cat "$dir/sock/supervisord.pid")"
alone() { enigma status 2>&1 >/dev/null | grep -q 'process manager is gone'; }
wait_until 5 alone || fail "status does not say that the process manager is gone"
expect 0 enigma pause               # the word still reaches those who trade on
expect 0 enigma resume
expect 1 enigma doctor
expect 0 enigma up --detach
state=$(figure state)
case $state in TRADING|READY) ;; *) fail "after a killed process manager: $state" ;; esac
n=$(instance_pids | while read -r p; do cat /proc/$p/comm; done | grep -c enigma-risk)
[ "$n" = 1 ] || fail "$n enigma-risk run at once"
expect 0 enigma down
nobody_left || fail "left running after a killed process manager: $(instance_pids | while read -r p; do cat /proc/$p/comm; done | xargs)"
echo "operator: $failures failed expectations"
[ $failures = 0 ]
