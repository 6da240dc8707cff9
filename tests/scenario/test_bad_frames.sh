#!/bin/bash
# What must not be said on the bus: garbled and oversized frames, wrong part counts, unknown topics, wrong senders,
# half bodies, random mutations, floods, no certificate at all.  Each is refused, counted and named; every process
# lives on, and whoever asks properly is answered.
#   usage: test_bad_frames.sh [BIN-DIR]     SEED=N MUTATIONS=10000
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin bad_frames
seed=${SEED:-$((RANDOM * 32768 + RANDOM))} mutations=${MUTATIONS:-10000}
echo "seed $seed"
expect 0 enigma up --detach --speed 1

programs() { for p in $(instance_pids); do echo "$p $(cat "/proc/$p/comm" 2>/dev/null)"; done | grep enigma- | grep -v enigma-sniff | sort; }
before=$(programs)
listen() { "$bin/enigma-sniff" -i "$dir" "$1" --json >"$dir/$2" 2>/dev/null & ears="$ears $!"; remember $!; }
ears=
listen health.degraded degraded
listen broker.stats stats
refused() { tail -n 1 "$dir/stats" | jq -r .payload.refused; }
refused_is() { [ "$(refused)" = "$1" ]; }
# SENDER TOPIC CODE: health.degraded of the bus.  From a sender's fourth kind on the topics are counted together.
named() {
  jq -es --arg s "$1" --arg t "$2" --arg c "$3" \
    'any(.[].payload; .component=="bus" and .sender==$s and .code==$c and
      (.topic==$t or .topic=="(others)"))' "$dir/degraded" >/dev/null 2>&1
}
wait_until 10 test -s "$dir/stats" || fail "no broker.stats"
bad() { timeout 20 "$bin/test-badframes" "$dir" "$@" 2>"$dir/log/badframes.log" || fail "test-badframes $*: $(cat "$dir/log/badframes.log")"; }

# WHAT TOPIC CODE: twenty of them, twenty refused, and the broker says whose, what and why.
refused_as() {
  local was; was=$(refused)
  bad "$1" 20 "$seed"
  wait_until 5 refused_is $((was + 20)) || fail "$1: $(($(refused) - was)) refused, not 20"
  wait_until 5 named guest "$2" "$3" || fail "$1: health.degraded does not say guest $2 $3: $(jq -c .payload "$dir/degraded" | tail -5)"
}
refused_as topic no.such.topic TOPIC
refused_as sender agent.risk SENDER
refused_as right risk.approved RIGHT
refused_as truncated agent.risk BODY
refused_as oversized agent.risk FRAMES

# Somebody who shows no certificate of the instance gets no word in, and is named.
bad stranger 5
wait_until 5 named "(unknown)" sock/event.pub HANDSHAKE || fail "nobody says that a client with a wrong certificate was turned away"
was=$(refused)
bad anonymous 20            # which side hangs up first is chance: not each is seen
wait_until 5 eval '[ "$(refused)" -gt "$was" ]' || fail "nobody counts clients without a certificate"

# Random bytes and wrong part counts: whatever the cause, each is refused.
for what in garbled parts; do
  was=$(refused)
  bad $what 20 "$seed"
  wait_until 5 eval '[ "$(refused)" -ge $((was + 20)) ]' || fail "$what: $(($(refused) - was)) refused, not 20"
done

# A frame over the bound of the wire costs its sender the connection, and nobody else.
bad enormous 5

# More than a guest may say: the rest is refused without being looked at.
was=$(refused)
bad flood 2000
wait_until 5 eval '[ "$(refused)" -ge $((was + 1500)) ]' || fail "flood: $(($(refused) - was)) refused of 2000"
wait_until 5 named guest agent.risk RATE || fail "nobody says that guest says too much"

# What the broker passes on the agents must stand.
bad mutations "$mutations" "$seed"
malformed() { "$bin/enigma" -i "$dir" funnel --json 2>/dev/null | jq '[.[].malformed // 0] | add'; }
said() { cat "$dir"/log/{orchestrator,data,signal,risk,execution,optimizer,audit}.log | grep -c '"event":"message.malformed"'; }
wait_until 10 eval '[ "$(malformed)" -gt 0 ]' || fail "no agent counts what is malformed"
[ "$(said)" -gt 0 ] || fail "no agent says that it heard what is malformed"
[ "$(said)" -lt "$(malformed)" ] || fail "every malformed message is a line of the log"

answered() { "$bin/enigma" -i "$dir" funnel >/dev/null 2>&1; }
wait_until 10 answered || fail "a proper request is not answered afterwards: $("$bin/enigma" -i "$dir" funnel 2>&1)"
wait_until 10 figure_is state TRADING || fail "the system is $(figure state) afterwards"
after=$(programs)
[ "$before" = "$after" ] || fail "processes ended: $(diff <(echo "$before") <(echo "$after"))"
for a in orchestrator data signal risk execution optimizer audit; do
  [ "$(figure "agents.$a.gaps_open")" = 0 ] || fail "$a has open gaps"
done
total=$(refused) bodies=$(malformed)
kill $ears
expect 0 enigma down
wait_until 10 nobody_left || fail "left running: $(instance_pids | xargs)"
echo "seed $seed: $total refused and counted, $bodies of $mutations mutations reached an agent and were malformed, $(said) lines of log; all pids the same"
