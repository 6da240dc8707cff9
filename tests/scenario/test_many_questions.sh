#!/bin/bash
# An agent answers thousands of questions and goes on: an answer leaves nothing behind in the one who gives it.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh
scenario_begin questions
mkdir -p "$dir"/{etc/keys,journal,log,sock}
"$bin/enigma-bus" -i "$dir" >"$dir/log/bus.log" 2>&1 & remember $!
wait_until 5 test -S "$dir/sock/event.pub" || fail "the bus did not bind"
"$bin/enigma-audit" -i "$dir" >"$dir/log/audit.log" 2>&1 & audit=$!; remember $audit
QUESTIONS=3000 timeout 60 "$bin/test-questions" -i "$dir" >"$dir/log/questions.log" 2>&1 || fail "not all were answered"
kill -0 $audit || fail "audit ended"
echo "3000 questions asked, 3000 answered"
scenario_end
