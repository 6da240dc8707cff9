#!/bin/bash
# A program that ends at once again and again is started less and less often, says so, holds trading, and comes
# back by itself when the cause is gone; one that is killed now and then is started again at once, as before.
#   usage: test_restart_storm.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin storm

expect 0 enigma up --detach --speed 1
figure_is state TRADING || fail "not TRADING: $(enigma status)"
figure_is failing "{}" || fail "failing: $(figure failing)"

# The first bytes of its journal become nonsense: it stops at each start and says why.
segment=$(ls "$dir"/journal/optimizer/*.jrn | head -1)
head -c 8 "$segment" >"$dir/good"        # not all of it: what it writes meanwhile, its peers know
pid=$(figure agents.optimizer.pid)
[ "$pid" -gt 1 ] || fail "the optimizer has no pid"
printf 'nonsense' | dd of="$segment" conv=notrunc status=none
began=$(now_ms)
kill -9 "$pid"
log=$dir/log/optimizer.log
ends() { grep -c '"event":"start.failed"' "$log"; }
failing() { [ "$(ends)" -ge 6 ] && grep -q '"event":"start.failing"' "$log"; }
wait_until 60 failing || fail "six ends did not come: $(tail -5 "$log")"
took=$(($(now_ms) - began)) count=$(ends)
# 0, 0, 0.5, 1, 2 s lie between six ends
[ $took -ge 3400 ] || fail "$count ends in $took ms: nobody waited"
waits=$(grep -o '"event":"start\.[a-z]*","ends":[0-9]*,"wait_ms":[0-9]*' "$log" | grep -o '[0-9]*$' | xargs)
case $waits in "500 1000 2000"*) ;; *) fail "waits: $waits" ;; esac
grep -q '"level":"error","agent":"optimizer","event":"start.failing"' "$log" || fail "no error was said"

paused() { figure_is state PAUSED; }
wait_until 20 paused || fail "trading goes on without the optimizer: $(enigma status)"
expect 0 enigma status
case $out in *"optimizer ended at once "*"\`enigma logs optimizer\` says why"*) ;; *) fail "status does not say it: $out" ;; esac
others=$(figure failing | python3 -c 'import json,sys; print([n for n in json.load(sys.stdin) if n != "optimizer"])')
[ "$others" = "[]" ] || fail "others fail, too: $others"

dd if="$dir/good" of="$segment" conv=notrunc status=none
back() { figure_is agents.optimizer.life active && figure_is state TRADING; }
wait_until 60 back || fail "it did not come back: $(enigma status)"
count=$(ends)
well() { figure_is failing "{}"; }
wait_until 10 well || fail "failing after it is well: $(figure failing)"

# A kill costs nothing: no wait, whatever was before.
delays() { grep -cE '"event":"start\.(delayed|failing)"' "$log"; }
said=$(delays) pid=$(figure agents.optimizer.pid)
kill -9 "$pid"
again() { back && [ "$(figure agents.optimizer.pid)" != "$pid" ]; }
wait_until 20 again || fail "not back after a kill: $(enigma status)"
[ "$(ends) $(delays)" = "$count $said" ] || fail "a kill counted as an end at once: $(tail -5 "$log")"

# While it waits, `down` does.
printf 'nonsense' | dd of="$segment" conv=notrunc status=none
kill -9 "$(figure agents.optimizer.pid)"
more() { [ "$(ends)" -ge $((count + 5)) ]; }
wait_until 60 more || fail "no second storm"
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "six ends at once in $took ms, waits $waits ms; PAUSED, said, back by itself"
