#!/bin/bash
# enigma-kill: everything of us stopped, it flattens the account; while the agents trade, too; twice; without a key,
# with the paper exchange's key for a live account, without an answer, on a venue that only cancels, unconfirmed.
#   usage: test_kill.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin kill
export ENIGMA_RESTART_MAX=0 ENIGMA_STRATEGY=probe ENIGMA_COOLDOWN_BARS=0 ENIGMA_TOP_N=8 ENIGMA_MAX_CLUSTER_POSITIONS=8
export ENIGMA_GAMMA_MIN_G=-1 ENIGMA_TIME_STOP_BARS=1000 ENIGMA_MAX_CONSECUTIVE_LOSSES=100 ENIGMA_DAILY_LOSS_PCT=50
export ENIGMA_MAX_DAILY_DRAWDOWN_PCT=50 ENIGMA_SYMBOLS="XBTUSDTM ETHUSDTM SOLUSDTM XRPUSDTM"

kill_it() { "$bin/enigma-kill" -i "$dir" "$@"; }
said() { case $out in *"$1"*) ;; *) fail "it does not say \"$1\": $out" ;; esac; }
not_set() { [ ! -e "$dir/STOP" ] || fail "the latch is set: $1"; }
admin() { curl -s -m 5 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/$1" "${@:2}"; }
fault() { admin faults -d "{\"fault\":\"$1\",\"on\":$2}" >/dev/null; }
# Open positions, and orders that could open one.
open_now() {
  admin truth | jq '[.positions[] | select(.open)] + [.orders[] | select(.state != "done" and (.reduceOnly or .closeOrder | not))] | length'
}
open_is() { [ "$(open_now)" = "$1" ]; }
some_open() { [ "$(admin truth | jq '[.positions[] | select(.open)] | length')" -ge 2 ]; }

# What is wrong before anything could be done.
mkdir -p "$dir/etc/keys"
expect 2 kill_it --no-such-option
expect 2 kill_it --timeout 0
expect 2 kill_it now
expect 0 kill_it --help
expect 4 kill_it --yes --instance "$dir/nowhere"
expect 4 kill_it --dry-run; said paper.port; not_set "by a dry run"
expect 4 kill_it --yes; said STOP               # the latch first, whatever is missing
rm "$dir/STOP"
printf 'mode = live\nrest_url = http://127.0.0.1:1\n' >"$dir/live.conf"
expect 4 kill_it --yes --config "$dir/live.conf"; said live-account.conf
printf 'key = a\nsecret = b\npassphrase = c\n' | tee "$dir/etc/keys/paper-account.conf" >"$dir/etc/keys/live-account.conf"
expect 4 kill_it --yes --config "$dir/live.conf"; said "paper exchange's"
echo 'no_such_key = 1' >"$dir/bad.conf"
expect 4 kill_it --yes --config "$dir/bad.conf"; said "bad.conf:1"
printf 'rest_url = http://127.0.0.1:1\n' >"$dir/closed.conf"
expect 5 kill_it --yes --config "$dir/closed.conf" --timeout 2; said "NOT KNOWN"
rm -rf "$dir"

# Somebody is told.
python3 -c '
import http.server, sys
class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        open(sys.argv[1] + ".told", "ab").write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
        self.send_response(204)
        self.end_headers()
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), Taker)
open(sys.argv[1] + ".port", "w").write(str(s.server_port))
s.serve_forever()' "$dir" & remember $!
wait_until 10 test -s "$dir.port" || fail "the webhook did not start"
export ENIGMA_NOTIFY_WEBHOOK=http://127.0.0.1:$(cat "$dir.port")/hook
told() { grep -q "\"severity\":\"CRITICAL\",\"event\":\"EMERGENCY_STOP\"" "$dir.told"; }

enigma up --detach --speed 120 >"$dir.up" 2>&1 || { cat "$dir.up"; fail "enigma up"; }
expect 6 kill_it; not_set "without a confirmation"
out=$(kill_it --dry-run --key "$dir/etc/keys/paper-account.conf" 2>&1); rc=$?     # something may be open already
[ $rc -le 1 ] || fail "a dry run ended with $rc: $out"
said "dry run: "; not_set "by a dry run"
printf 'key = nobody\nsecret = b\npassphrase = c\n' >"$dir/wrong.conf"
expect 6 kill_it --dry-run --key "$dir/wrong.conf"; said "the key"

# The agents are trading.
wait_until 120 some_open || fail "nothing opened"
expect 1 kill_it --dry-run
expect 0 kill_it --yes --reason "a test"
said "flat"
open_is 0 || fail "the exchange says otherwise: $(open_now)"
grep -q "a test" "$dir/STOP" || fail "the reason is not in the latch"
expect 0 kill_it --yes; said "there already"
in_emergency() { figure_is state EMERGENCY_STOP; }
wait_until 20 in_emergency || fail "the orchestrator has not seen the latch"
wait_until 10 told || fail "the webhook was not told: $(cat "$dir.told")"
open_is 0 || fail "something was opened after it"
rm "$dir/STOP"
resumed() { enigma resume >/dev/null 2>&1; figure_is state TRADING; }
wait_until 60 resumed || fail "not trading again: $(enigma resume 2>&1)"

# All of us stopped, and Redis and the bus: nobody else is there to help.
wait_until 120 some_open || fail "nothing opened again"
stop_all=$(for p in $(instance_pids); do case $(cat /proc/"$p"/comm) in enigma-paper) ;; *) echo "$p" ;; esac; done)
kill -STOP $stop_all
fault cancel_only true
expect 1 kill_it --yes --timeout 3; said "NOT FLAT"; said 300002
fault cancel_only false
fault rest_reset true
expect 5 kill_it --yes --timeout 3; said "NOT KNOWN"
fault rest_reset false
before=$(open_now)
t0=$(now_ms)
expect 0 kill_it --yes
ms=$(($(now_ms) - t0))
open_is 0 || fail "with all stopped it left $(open_now)"
rm "$dir/STOP"
kill -CONT $(pgrep -P "$(cat "$dir/sock/supervisord.pid")" -x enigma-bus)
expect 5 enigma emergency --yes; said "STOP is set"
[ -e "$dir/STOP" ] || fail "enigma emergency set no latch while the orchestrator stood still"
kill -CONT $stop_all
rm "$dir/STOP"
wait_until 60 resumed || fail "not trading after all were stopped: $(enigma resume 2>&1)"

# Execution cannot come back (its journal is locked by somebody else): the watch runs it.
wait_until 120 some_open || fail "nothing opened a third time"
manager=$(cat "$dir/sock/supervisord.pid") execution=$(figure agents.execution.pid)
kill -STOP "$manager"
kill -9 "$execution"
wait_until 5 flock -n "$dir/journal/execution/lock" true || fail "the journal is still locked"
flock "$dir/journal/execution/lock" sleep 300 & holder=$!; remember $holder
kill -CONT "$manager"
t0=$(now_ms)
gone_and_flat() { grep -q execution.gone "$dir/log/watch.log" && grep -qx flat "$dir/log/watch.log" && [ -e "$dir/STOP" ] && open_is 0; }
wait_until 60 gone_and_flat || fail "execution is gone, and $(open_now) stay open: $(tail -5 "$dir/log/watch.log")"
gone_ms=$(($(now_ms) - t0))
pkill -P $holder; wait $holder 2>/dev/null
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "enigma-kill: beside trading agents flat; all of us stopped, $before open: flat after $ms ms; execution gone: flat after $gone_ms ms"
