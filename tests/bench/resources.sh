#!/bin/bash
# Memory and processor time of the bus and the seven agents of one instance at speed 1, eight symbols: trading,
# paused, and with the market closed.  Per state: CPU over SECONDS_EACH seconds (lowest and highest third in
# brackets) as per cent of one core, and the median of the sums of Pss at the ends of the thirds.
#   usage: resources.sh [BIN-DIR]     SECONDS_EACH=30 SETTLE=10
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
each=${SECONDS_EACH:-30} settle=${SETTLE:-10}
. tests/scenario/lib.sh
. tests/bench/agents.sh

pause_for() { read -rt "$1" -u "$nothing" || :; }

# measure NAME GOAL-PERCENT: one line.
measure() {
  local cpu=() kib=() i t0 t1 from to
  pause_for "$settle"
  agents_find
  for i in 1 2 3; do
    from=$(now_ms) t0=$(cpu_ns)
    pause_for $((each / 3))
    to=$(now_ms) t1=$(cpu_ns)
    cpu+=("$(awk "BEGIN { print ($t1 - $t0) / 1e6 / ($to - $from) * 100 }")")
    kib+=("$(pss_kib)")
  done
  mapfile -t cpu < <(printf '%s\n' "${cpu[@]}" | sort -g)
  mapfile -t kib < <(printf '%s\n' "${kib[@]}" | sort -g)
  awk -v name="$1" -v goal="$2" -v a="${cpu[0]}" -v b="${cpu[1]}" -v c="${cpu[2]}" -v k="${kib[1]}" -v load="$(cut -d' ' -f1 /proc/loadavg)" \
    'BEGIN { printf "%-14s  %5.2f %% (%.2f-%.2f)  %-6s  %6.1f MiB  %s\n", name, (a + b + c) / 3, a, c, goal, k / 1024, load }'
}

launch_begin bench
enigma up --detach --speed 1 >"$dir.up" 2>&1 || fail "enigma up: $(cat "$dir.up")"
wait_until 30 figure_is state TRADING || fail "not TRADING: $(figure state)"
agents_all_there || fail "not all there"

echo "bus and seven agents, eight symbols, speed 1; goal for memory: 128 MiB while trading"
echo "state           CPU of one core        goal      Pss         load"
measure trading -
echo "  of which Pss in MiB: $(pss_each)"
enigma pause >/dev/null || fail "pause is refused"
wait_until 10 figure_is state PAUSED || fail "not PAUSED: $(figure state)"
measure paused '5 %'
curl -sf -m 5 -d '{"symbol":"*","status":"Paused"}' \
  "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/contract" >/dev/null || fail "the market does not close"
measure 'market closed' '1 %'
enigma down >/dev/null || fail "down is refused"
wait_until 15 nobody_left || fail "left running: $(instance_pids)"
