#!/bin/bash
# An exchange that answers 429, 500, a web page, half an answer or nothing, and whose streams are cut, talk nonsense
# or fall silent, one after the other, under trading: nobody ends, health.degraded names the exchange and clears by
# itself, no entry is placed while the data is stale, and at the end the books equal the exchange's.
# The market runs at 60 times the wall clock, for there to be trades within the time of a test.
#   usage: test_bad_exchange.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin bad_exchange

# In place of the exchange a shell starts it in a directory of its own, and the proxy in front of it, whose port is
# the one that the agents find.
mkdir -p "$dir.bin" "$dir.paper" "$dir/etc/keys" "$dir/sock"
ln -s "$dir/etc" "$dir.paper/etc"
mkfifo "$dir.paper/control"
cp "$bin"/enigma* "$dir.bin"
cat >"$dir.bin/enigma-paper" <<END
#!/bin/bash
shift 2
"$bin/enigma-paper" --instance "$dir.paper" "\$@" & paper=\$!
"$bin/test-badproxy" "$dir.paper/sock/paper.port" sock/proxy.port <>"$dir.paper/control" & proxy=\$!
trap 'kill \$paper \$proxy; wait \$paper; exit 0' TERM
until [ -s "$dir.paper/sock/paper.admin.port" ] && [ -s sock/proxy.port ]; do read -rt 0.02 <> <(:); done
cp "$dir.paper/sock/paper.admin.port" sock/paper.admin.port
cp sock/proxy.port sock/paper.port
wait \$paper
END
enigma() { "$dir.bin/enigma" -i "$dir" "$@"; }
cat >"$dir/etc/enigma.conf" <<END
strategy = probe
cooldown_bars = 0
top_n = 8
max_cluster_positions = 8
gamma_min_g = -1
rest_timeout_ms = 1000
breaker_open_s = 1
restart_max = 0
END
expect 0 enigma up --detach --speed 60

programs() { for p in $(instance_pids); do echo "$p $(cat "/proc/$p/comm" 2>/dev/null)"; done | grep enigma- | grep -v enigma-sniff | sort; }
truth() { curl -sf -m 5 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/truth"; }
"$bin/enigma-sniff" -i "$dir" health.degraded --json >"$dir/degraded" 2>/dev/null & ear=$!; remember $ear

# What is raised now, a line each: FROM COMPONENT CODE.
raised() {
  jq -rs 'group_by([.from, .payload.component, .payload.code]) | .[] | last | select(.payload.cleared | not) |
    "\(.from) \(.payload.component) \(.payload.code)"' "$dir/degraded" 2>/dev/null
}
is_raised() { raised | grep -qx "$1"; }
is_over() { ! is_raised "$1"; }
all_clear() { [ -z "$(raised | grep exchange)" ] && figure_is state TRADING && funnel_says trade_ready 1; }
funnel_says() { enigma funnel 2>/dev/null | grep -q "^ *$1  *$2\$"; }
proxy() { echo "$*" >"$dir.paper/control"; }
# Entries that the exchange took between two wall times in ms.
entries() {
  truth | jq "[.orders[] | select((.reduceOnly or .closeOrder) | not) | select(.created_ns / 1e6 > $1 and .created_ns / 1e6 < $2)] | length"
}
traded() { [ "$(truth | jq '.fills | length')" -gt "$1" ]; }
wait_until 60 traded 0 || fail "no trade to begin with"
before=$(programs)

report=
fault() { # SIDE WHAT WHO-COMPONENT-CODE: on until it is said, then off until it is over
  local t0 t1
  proxy "$1" "$2"; t0=$(now_ms)
  wait_until 12 is_raised "$3" || fail "$1 $2: nobody says $3; raised: $(raised | xargs)"
  t1=$(now_ms)
  [ "$before" = "$(programs)" ] || fail "$1 $2: processes ended"
  proxy "$1" pass
  wait_until 15 is_over "$3" || fail "$1 $2: it is not over"
  report="$report $1 $2 $((t1 - t0))/$(($(now_ms) - t1))"
}
for what in 429 500 html close cut; do fault rest $what "execution exchange REST_DOWN"; done
fault ws cut "data exchange STREAM_DOWN"
fault ws garble "data exchange STREAM_DOWN"
wait_until 15 all_clear || fail "no trading after the faults: $(raised | xargs); $(figure state) $(figure reason), $(enigma funnel | grep trade_ready)"

# No answer and no byte: the streams look alive, the data's age tells (domain 6, test 15).
t0=$(now_ms)
proxy ws swallow
proxy rest swallow
all_stale() { [ "$(enigma sniff market.contract --json -n 8 --timeout 4 2>/dev/null | jq -cs '[length, any(.[].payload; .tradable)]')" = "[8,false]" ]; }
wait_until 20 all_stale || fail "a silent exchange: symbols are still tradable"
is_raised "execution exchange REST_DOWN" || fail "a silent exchange: nobody says REST_DOWN: $(raised | xargs)"
expect 0 enigma status
case $out in *"exchange REST_DOWN"*) ;; *) fail "status does not say it: $out" ;; esac
t1=$(now_ms)
proxy rest pass             # orders would arrive now
stale() { [ $(($(now_ms) - t1)) -ge 3000 ]; }
wait_until 4 stale
n=$(entries $t1 "$(now_ms)")
[ "$n" = 0 ] || fail "$n entries were placed on stale data"
proxy ws cut
proxy ws pass
wait_until 15 all_clear || fail "a silent exchange: it is not over: $(raised | xargs); $(figure state) $(figure reason), $(enigma funnel | grep trade_ready)"
report="$report silence $((t1 - t0))/$(($(now_ms) - t1))"

t1=$(now_ms)
enters() { [ "$(entries $t1 "$(now_ms)")" -gt 0 ]; }
wait_until 60 enters || fail "trading does not go on"
[ "$before" = "$(programs)" ] || fail "processes ended: $(diff <(echo "$before") <(programs))"

# The books: nothing open on either side, as many trades, the same fills.
expect 0 enigma flatten
flat() { truth | jq -e '(any(.positions[]; .open) or any(.orders[]; .state == "open" or .state == "stop")) | not' >/dev/null; }
wait_until 10 flat || fail "flatten leaves something at the exchange: $(truth | jq -c '[.positions[] | select(.open)]')"
agree() {
  local t; t=$(truth)
  [ "$(enigma positions --json)" = "[]" ] && funnel_says fills "$(jq '.fills | length' <<<"$t")" &&
    [ "$(enigma trades --json -n 1000 | jq length)" = "$(jq '.positions | length' <<<"$t")" ]
}
wait_until 10 agree || fail "the books differ: fills $(truth | jq '.fills|length') positions $(truth | jq '.positions|length'), $(enigma funnel | grep -w fills), trades $(enigma trades --json -n 1000 | jq length), open $(enigma positions --json)"
fills=$(truth | jq '.fills | length') trades=$(truth | jq '.positions | length')
kill $ear
expect 0 enigma down
wait_until 10 nobody_left || fail "left running: $(instance_pids | xargs)"
echo "ms to be said / to be over:$report; $fills fills and $trades trades, the books equal the exchange's; all pids the same"
