#!/bin/bash
# Each agent's own key, and the guest's: it publishes nobody else's topics on the real bus, and ends no emergency; after
# all of it the system is still stopped, and the operator's resume leads out of it and takes STOP away.
#   usage: test_forgery.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin forgery
mkdir -p "$dir"/bus/{etc/keys,journal,log,sock}
"$bin/enigma-bus" -i "$dir/bus" >"$dir/bus/log/bus.log" 2>&1 & remember $!
wait_until 10 test -S "$dir/bus/sock/market.sub" || fail "the bus did not bind"
topics=$(timeout 120 "$bin/test-forge" "$dir/bus" topics) || fail "$topics"
scenario_end
pids=()
rm -rf "$dir"

expect 0 enigma up --detach --speed 1
expect 0 enigma emergency --yes
stopped() { figure_is state EMERGENCY_STOP && [ -e "$dir/STOP" ]; }
wait_until 10 stopped || fail "no emergency, or none with a latch: $(figure state)"
resumes=$(timeout 120 "$bin/test-forge" "$dir" resume) || fail "$resumes"
stopped || fail "resumed by somebody: $(figure state)"
grep -q '"event":"resume' "$dir/log/execution.log" && fail "execution heard of a resume"
expect 0 enigma resume
[ ! -e "$dir/STOP" ] || fail "the operator's resume left STOP"
trading() { figure_is state TRADING || { enigma resume >/dev/null 2>&1; figure_is state TRADING; }; }
wait_until 20 trading || fail "not trading after the operator's resumes: $(figure state)"
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "$topics; $resumes"
