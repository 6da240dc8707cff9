#!/bin/bash
# The sniffer's line of 500 messages in 90 s: valid envelopes, among them whole stories from a signal to its
# position, linked by correlation ids; state broadcasts leave room for them.  And the check is one that can fail.
#   usage: test_story.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin story
story() { python3 tests/scenario/story.py "$1"; }

expect 0 enigma up --detach --speed 60 --seed "${SEED:-1}"
enigma sniff signal. risk. order. position. --json -n 500 --timeout 90 >"$dir/heard" 2>"$dir/log/sniff.log"; rc=$?
[ $rc = 0 ] || fail "sniff: exit $rc: $(cat "$dir/log/sniff.log")"      # 5: nothing came at all
[ "$(wc -l <"$dir/heard")" -le 500 ] || fail "-n 500 printed $(wc -l <"$dir/heard") messages"
verdict=$(story "$dir/heard") || fail "$verdict"
[ "$(jq -r .action "$dir/heard" | grep -c '^signal.state$')" -le $(($(wc -l <"$dir/heard") * 3 / 4)) ] ||
  fail "state broadcasts leave no room: $verdict"

# Altered copies
planted=0
while read -r filter; do
  jq -c "$filter" "$dir/heard" >"$dir/altered" || fail "jq $filter"
  cmp -s <(jq -c . "$dir/heard") "$dir/altered" && fail "$filter changes nothing"
  story "$dir/altered" >/dev/null && fail "not found: $filter"
  planted=$((planted + 1))
done <<'END'
select(.action != "position.opened")
select(.action != "order.filled")
select(.action != "risk.approved")
if .action == "order.filled" then .correlationId = "00000000-0000-0000-0000-000000000000" else . end
if .action == "signal.generated" then .id = "00000000-0000-0000-0000-000000000000" else . end
if .action == "order.placed" then del(.correlationId) else . end
if .action == "risk.approved" then .payload.cl_ord_id = "X" else . end
if .action == "position.opened" then .from = "risk" else . end
if .action == "signal.state" then del(.priority) else . end
if .action == "signal.state" then .timestamp = "now" else . end
END
head -c -5 "$dir/heard" >"$dir/altered"
story "$dir/altered" >/dev/null && fail "not found: half a line"
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "$verdict; $((planted + 1)) of $((planted + 1)) planted ones found"
