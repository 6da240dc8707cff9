#!/bin/bash
# The operator's first minutes: up, status, a second up is refused, pause and resume over a restart of
# everything, nonsense is answered, down leaves nothing behind.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh

scenario_begin launch
up_dir=$dir/i
e() { "$bin/enigma" -i "$up_dir" "$@"; }
expect() { # CODE COMMAND...
  local want=$1 got; shift
  e "$@" >"$dir/out" 2>&1 </dev/null; got=$?
  [ $got = "$want" ] || { cat "$dir/out"; fail "enigma $*: exit $got, not $want"; }
}
expect 3 status
expect 3 down
expect 2 nonsense
expect 2 up --speed x
expect 2 up --market replay:XBTUSDTM
expect 2 up --start yesterday
expect 2 up --market mirror:elsewhere
expect 2 up --market replay:XBTUSDTM=README.md+
expect 2 up --market mirror:http://127.0.0.1:1 --speed 60

t0=$(now_ms)
expect 0 up --detach --speed 1
first=$(($(now_ms) - t0))
expect 0 status --json
grep -q '"state":"TRADING"' "$dir/out" || fail "not TRADING: $(cat "$dir/out")"
expect 4 up --detach                     # it runs already
expect 4 up --detach --seed 2            # and was made with another seed
expect 0 pause
expect 0 status --json
grep -q '"state":"PAUSED"' "$dir/out" || fail "not PAUSED: $(cat "$dir/out")"
expect 6 restart nobody
expect 2 close
expect 6 emergency                       # no terminal to ask
expect 0 doctor
expect 0 down
nobody_left || fail "left running: $(instance_pids | xargs)"

t0=$(now_ms)
expect 0 up --detach --speed 1
second=$(($(now_ms) - t0))
expect 0 status --json
grep -q '"state":"READY"' "$dir/out" || fail "the operator's pause did not outlive the restart: $(cat "$dir/out")"
expect 0 resume
expect 0 status --json
grep -q '"state":"TRADING"' "$dir/out" || fail "not TRADING after resume: $(cat "$dir/out")"

touch "$up_dir/STOP"
stopped() { e status --json | grep -q '"state":"EMERGENCY_STOP"'; }
wait_until 5 stopped || fail "the STOP file stops nothing"
acknowledged() { e resume >/dev/null 2>&1; }
wait_until 5 acknowledged || fail "the emergency cannot be acknowledged"
[ ! -e "$up_dir/STOP" ] || fail "the operator's resume leaves STOP"
expect 0 down
touch "$up_dir/STOP"                     # before a start
expect 0 up --detach --speed 1
wait_until 5 stopped || fail "a STOP file from before the start stops nothing"
rm "$up_dir/STOP"                        # by hand: the emergency stays
sleep 0.5
stopped || fail "without the file the emergency is over"
wait_until 5 acknowledged || fail "the emergency cannot be acknowledged"
expect 0 down

echo 'leverage = 200' >>"$up_dir/etc/enigma.conf"
expect 4 up --detach
grep -q 'enigma.conf:.*leverage = 200 is above its limit of 100' "$dir/out" || fail "unclear: $(cat "$dir/out")"
[ $first -le 10000 ] || fail "first start took $first ms, more than 10000"
[ $second -le 5000 ] || fail "second start took $second ms, more than 5000"
echo "first start to TRADING $first ms, after down $second ms"
