# The whole system under trading, killed, halted and disturbed KILLS times at random from SEED, then asked: what did
# the exchange do, what do we say?  Source it after setting $bin, $kills and $seed.
. tests/scenario/lib.sh
launch_begin chaos
books=$dir/books balance=10000
export BIN=$bin ENIGMA_RESTART_MAX=0 ENIGMA_STRATEGY=probe ENIGMA_COOLDOWN_BARS=0 ENIGMA_TOP_N=8 ENIGMA_GAMMA_MIN_G=-1
export ENIGMA_MAX_CLUSTER_POSITIONS=8 ENIGMA_MAX_CONSECUTIVE_LOSSES=100 ENIGMA_TIME_STOP_BARS=10 ENIGMA_SELF_HEALING=false
export ENIGMA_BREAKER_OPEN_S=5

admin() { curl -s --max-time 5 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/$1" "${@:2}"; }
collect() {
  mkdir -p "$books"
  admin truth >"$books/truth.json" && enigma orders --json >"$books/orders.json" &&
    enigma positions --json >"$books/positions.json" && enigma positions --of risk --json >"$books/risk.json" &&
    enigma trades --json -n 100000 >"$books/trades.json"
}
# In a short run nothing may have been closed yet.
agree() {
  collect && { python3 tests/scenario/books_agree.py "$books" "$dir/journal/audit" $balance >"$dir/verdict" 2>&1; :; } &&
    grep -q ': 0 differences$' "$dir/verdict"
}

expect 0 enigma up --detach --speed 40 --seed "$seed" --balance $balance
python3 tests/scenario/chaos.py "$dir" "$kills" "$seed" "$dir/did" >"$dir/said" 2>&1 || fail "seed $seed: $(cat "$dir/said")"
expect 0 enigma pause
admin contract -d '{"symbol":"*","status":"Paused"}' >/dev/null     # the market stands still
wait_until 60 agree || fail "seed $seed: the books differ: $(cat "$dir/verdict")"
verdict=$(python3 tests/scenario/chaos_oracle.py "$books" "$dir/journal/audit" "$dir/did") || fail "seed $seed: $verdict"
cat "$dir/verdict"
echo "$verdict"
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
