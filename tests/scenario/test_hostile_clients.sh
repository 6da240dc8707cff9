#!/bin/bash
# The paper exchange under malformed and hostile clients: HTTP (smuggling, huge heads, bombs), JSON, WebSocket frames,
# slow bytes.  Each is answered with the right error or closed; an orderly client is served meanwhile and after; the
# process is the same one, with no complaint in its log, and little memory.
#   usage: test_hostile_clients.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh
scenario_begin hostile
mkdir -p "$dir/log"
printf 'account = one\nkey = key-one\nsecret = secret-one\npassphrase = pass-one\nvip = 12\n' >"$dir/accounts"
start() {
  (cd "$dir" && exec "$bin/enigma-paper" --instance . --accounts accounts) >>"$dir/log/paper" 2>&1 & pid=$!; remember $pid
  wait_until 20 ready || fail "the exchange does not start"
}
ready() { curl -sf -m 2 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port" 2>/dev/null)/admin/clock" >/dev/null; }
said=
for group in http json frames slow; do
  start                                             # afresh: the limits of each minute are its own
  out=$(python3 tests/scenario/hostile.py "$dir/sock" $group 2>&1) || fail "$out"
  said="$said${said:+, }$out"
  gone $pid && fail "$group: the exchange ended"
  kb=$(awk '/VmRSS/ {print $2}' "/proc/$pid/status")
  grep -q __asan_init "$bin/enigma-paper" || [ "$kb" -lt 150000 ] || fail "$group: $kb KB"
  scenario_end
  pids=()
done
grep -aqE 'Sanitizer|runtime error|invariant.broken|"level":"error"' "$dir/log/paper" && fail "the exchange is broken"
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "$said"
