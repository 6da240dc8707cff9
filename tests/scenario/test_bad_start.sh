#!/bin/bash
# A start that cannot be, or not yet: wrong configuration of every kind, ports, sockets and places in use, programs
# missing, no Redis, no bus.  Each says what, where and the mend; nothing is left running; what can wait waits, and
# goes on by itself when the cause is gone.
#   usage: test_bad_start.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin bad_start
real=$PATH
says() { case $out in *"$1"*) ;; *) fail "it says \"$out\", not \"$1\"" ;; esac; }

# ---- the configuration ----

mkdir -p "$dir/etc"
refused=0
conf() { # WHAT-IT-SAYS LINE...
  local text=$1; shift
  printf '%s\n' "$@" >"$dir/etc/enigma.conf"
  expect 4 enigma up --detach
  says "$text"
  refused=$((refused + 1))
}
at="etc/enigma.conf:1: "
conf "${at}unknown key \"no_such_key\"; \`enigma config\` lists them" 'no_such_key = 1'
conf 'etc/enigma.conf:2: leverage is given twice; remove one (the first is at etc/enigma.conf:1)' 'leverage = 3' 'leverage = 4'
conf "${at}leverage = 200 is above its limit of 100 x; lower it" 'leverage = 200'
conf "${at}stop_atr = -1 is below its limit of 0.1 ATR; raise it" 'stop_atr = -1'
conf "${at}leverage = \"three\" is not a plain number" 'leverage = three'
conf "${at}leverage = \"\" is not a plain number" 'leverage ='
conf "${at}gamma_min_g = \"nan\" is not a plain number" 'gamma_min_g = nan'
conf "${at}position_margin_pct = \"1e400\" is not a plain number" 'position_margin_pct = 1e400'
conf "${at}\"leverage\" is not \`key = value\`" leverage
conf "${at}trailing = \"perhaps\" must be true or false" 'trailing = perhaps'
conf "${at}log_level = \"loud\" must be one of debug info warn error" 'log_level = loud'
conf "${at}mode = \"real\" must be one of paper live" 'mode = real'
conf "${at}strategy = \"magic\" must be one of" 'strategy = magic'
conf "${at}primary_tf = \"7m\" must be one of 1m 5m 15m 1h" 'primary_tf = 7m'
conf "${at}confirm_tf = 1m must be longer than primary_tf = 1m" 'confirm_tf = 1m'
conf "${at}symbols is empty; name at least one contract" 'symbols ='
conf "${at}rest_url = \"nonsense\" must be an address" 'rest_url = nonsense'
conf "$at" $'\xff\xfe\x01'
conf "$at" "$(head -c 20000 /dev/zero | tr '\0' x)"
conf 'mode = live' 'mode = live'
rm "$dir/etc/enigma.conf"; mkdir "$dir/etc/enigma.conf"
expect 4 enigma up --detach
says 'etc/enigma.conf: not a regular file'
rmdir "$dir/etc/enigma.conf"
export ENIGMA_LEVERAGE=200
expect 4 enigma up --detach
says 'environment ENIGMA_LEVERAGE: leverage = 200 is above its limit of 100 x; lower it'
unset ENIGMA_LEVERAGE
[ -z "$(instance_pids)" ] || fail "something runs after a refused start"

# Agents started by hand say it themselves.
expect 78 "$bin/enigma-risk" -i "$dir" --leverage 200
says 'command line, argument 3: leverage = 200 is above its limit of 100 x; lower it'
expect 2 "$bin/enigma-risk" -i "$dir" --leverage
says 'needs a value'
expect 78 "$bin/enigma-risk" -i "$dir/nowhere"
says '`enigma up` makes one'

# ---- programs, places ----

mkdir "$dir.path"
for p in supervisord redis-server; do
  rm -f "$dir.path"/*
  for other in supervisord redis-server; do [ $other = $p ] || ln -s "$(command -v $other)" "$dir.path/$other"; done
  PATH=$dir.path expect 4 enigma up --detach
  says "$p is not installed; \`make deps\` installs what is missing"
done
rm -f "$dir.path"/*
touch "$dir.file"
expect 4 "$bin/enigma" -i "$dir.file" up --detach
says 'Not a directory'
long=$dir/$(printf '%090d' 0)
expect 4 "$bin/enigma" -i "$long" up --detach
says 'too long for its sockets'
says 'choose a shorter one with -i'

# ---- by hand: no certificate, no bus, places taken ----

rm -rf "$dir"; mkdir -p "$dir"/{etc/keys,journal,log,sock}
expect 1 "$bin/enigma-audit" -i "$dir"
says 'etc/keys/audit.cert_secret: No such file or directory; `enigma keys` makes certificates'
expect 0 enigma keys
chmod 644 "$dir/etc/keys/audit.cert_secret"
expect 1 "$bin/enigma-audit" -i "$dir"
says 'others may read it; chmod 600 it'
chmod 600 "$dir/etc/keys/audit.cert_secret"

run() { "$bin/enigma-$1" -i "$dir" >>"$dir/log/$1.log" 2>&1 & last=$!; remember $last; }
said() { grep -q "$2" "$dir/log/$1.log"; }
mkdir "$dir/sock/event.pub"
expect 1 "$bin/enigma-bus" -i "$dir"
says 'sock/event.pub: cannot be bound'
says 'move away what is there'
rmdir "$dir/sock/event.pub"
run audit; audit=$last
wait_until 10 said audit '"event":"bus.silent".*start enigma-bus' || fail "an agent without a bus does not say so"
expect 75 "$bin/enigma-audit" -i "$dir"
says 'journal/audit: another process of this agent is running on this instance'
kill -0 $audit || fail "an agent without a bus ended"
run orchestrator; run bus; bus=$last
wait_until 10 said audit '"now":"ready"' || fail "the agent does not join when the bus comes"
kill -9 $bus; wait $bus 2>/dev/null
wait_until 10 eval '[ $(grep -c bus.silent "$dir/log/audit.log") -ge 2 ]' || fail "an agent that loses the bus does not say so"
run bus
wait_until 10 eval '[ $(grep -c bus.heard "$dir/log/audit.log") -ge 2 ]' || fail "the agent does not come back with the bus"
expect 75 "$bin/enigma-bus" -i "$dir"
says 'another enigma-bus serves this instance; stop it first'
kill -0 $audit || fail "the agent did not live through it"

python3 -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)' >"$dir.port" & remember $!
wait_until 5 test -s "$dir.port" || fail "no port was taken"
expect 1 "$bin/enigma-paper" --instance "$dir" --port "$(cat "$dir.port")"
says "\"port\":$(cat "$dir.port")"
says 'choose another --port or --admin-port, or 0 for any'
cp "$dir.port" "$dir/sock/paper.port"           # the port of the last run: somebody else has it now
"$bin/enigma-paper" --instance "$dir" >"$dir/log/paper.log" 2>&1 & paper=$!; remember $paper
wait_until 5 said paper 'paper.port_taken.*taking another one' || fail "the exchange insists on a port that is taken"
wait_until 5 said paper paper.ready || fail "the exchange does not start on another port"
expect 1 "$bin/enigma-paper" --instance "$dir"
says 'stop the other enigma-paper or choose another --state'
kill $paper; wait $paper
expect 4 "$bin/enigma-paper" --instance "$dir" --seed 9
says 'begun with --seed'
echo garbage >"$dir/etc/keys/paper-account.conf"
expect 4 "$bin/enigma-paper" --instance "$dir"
says "paper-account.conf:1: garbage lacks '='"
for p in $(remembered); do kill "$p"; done; wait 2>/dev/null
[ -z "$(instance_pids)" ] || fail "left running: $(instance_pids | xargs)"
rm -rf "$dir"; mkdir "$dir"

# ---- Redis: dead, dumb, then alive, then stopped: trading does not need it, status tells, it comes back ----

cat >"$dir.path/redis-server" <<END
#!/bin/bash
case \$(cat "$dir.path/how") in
  dead) echo "this Redis ends at once"; exit 1 ;;
  dumb) rm -f sock/redis.sock
        exec python3 -c 'import socket, time; s = socket.socket(socket.AF_UNIX); s.bind("sock/redis.sock"); s.listen(); time.sleep(600)' ;;
esac
PATH=$real exec redis-server "\$@"
END
chmod +x "$dir.path/redis-server"
echo dead >"$dir.path/how"
export PATH=$dir.path:$real
expect 0 enigma up --detach --speed 1
"$bin/enigma-sniff" -i "$dir" health.degraded --json >"$dir.degraded" 2>/dev/null & ear=$!; remember $ear
down_says() { tail -n 3 "$dir.degraded" | jq -e "select(.payload.component == \"redis\" and .payload.code == \"DOWN\" and .payload.text == \"$1\")" >/dev/null; }
redis_is() { figure_is redis_up "$1" && figure_is state TRADING; }
redis_pid() { pgrep -P "$(cat "$dir/sock/supervisord.pid")" -f "redis" | head -1; }
wait_until 10 redis_is false || fail "without Redis: redis_up $(figure redis_up), $(figure state)"
wait_until 10 down_says "no connection" || fail "nobody says that Redis is dead"
echo dumb >"$dir.path/how"
wait_until 15 down_says "no answer" || fail "nobody says that Redis does not answer: $(tail -n 1 "$dir.degraded")"
echo alive >"$dir.path/how"
kill -9 "$(redis_pid)"
wait_until 15 redis_is true || fail "Redis is there, and it is not taken up"
kill -STOP "$(redis_pid)"
wait_until 10 redis_is false || fail "nobody sees that Redis stands still"
kill -CONT "$(redis_pid)"
wait_until 10 redis_is true || fail "Redis goes on, and it is not taken up"
for a in orchestrator data signal risk execution optimizer audit; do
  [ "$(figure "agents.$a.epoch")" = 1 ] || fail "$a was started again"
done

# ---- a second start on a running instance ----

expect 4 enigma up --detach
says 'this instance is running already; `enigma status` shows it, `enigma down` stops it'
expect 75 "$bin/enigma-risk" -i "$dir"
says 'journal/risk: another process of this agent is running on this instance'
kill $ear
expect 0 enigma down
wait_until 10 nobody_left || fail "left running: $(instance_pids | xargs)"
echo "$refused wrong configurations, places and ports in use, no bus, no Redis: each named with its mend, what could wait came back"
