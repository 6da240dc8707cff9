#!/bin/bash
# The disk fills up under trading: who cannot write says so and how to mend it, the process manager lives on, nothing
# is entered; with room again trading goes on by itself, and everything on disk can be read at the next start.
# On a small file system of its own, in a mount namespace of its own.
#   usage: test_full_disk.sh [BIN-DIR]
set -u
if [ -z "${IN_NAMESPACE:-}" ]; then
  map=; [ "$(id -u)" = 0 ] || map=-r
  IN_NAMESPACE=1 exec unshare -m $map --propagation unchanged "$0" "$@"
fi
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh
launch_begin full
fs=$dir
mount -t tmpfs -o size=64m none "$fs" || fail "no file system of its own"
trap 'scenario_clean 2>/dev/null; umount -l "$fs"; rmdir "$fs"' EXIT
dir=$fs/instance
truth() { curl -sf -m 5 "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/truth"; }
# Entries that the exchange took since a wall time in ms.
entries() { truth | jq "[.orders[] | select((.reduceOnly or .closeOrder) | not) | select(.created_ns / 1e6 > $1)] | length"; }

expect 0 enigma up --detach --speed 60 --seed "${SEED:-1}"
traded() { [ "$(truth | jq '.fills | length')" -gt 0 ]; }
wait_until 60 traded || fail "no trade to begin with"
supervisord=$(cat "$dir/sock/supervisord.pid")
has() { grep -qs "$1" "$dir/log/$2.log"; }

dd if=/dev/zero of="$fs/fill" bs=64k 2>/dev/null
[ "$(df --output=avail "$fs" | tail -1)" -lt 64 ] || fail "the disk is not full"
named() { enigma status 2>/dev/null | grep -q "disk NO_SPACE\|disk LOW_SPACE"; }
wait_until 30 named || fail "nobody says that the disk is full: $(enigma status)"
long() { [ $(($(now_ms) - full)) -ge 10000 ]; }
full=$(now_ms)
wait_until 12 long
kill -0 "$supervisord" 2>/dev/null || fail "the process manager died of the full disk"
[ "$(cat "$dir/sock/supervisord.pid")" = "$supervisord" ] || fail "another process manager"

rm "$fs/fill"
freed=$(now_ms)
back() { figure_is state TRADING && [ "$(enigma status 2>/dev/null | grep -c 'NO_SPACE\|exchange')" = 0 ]; }
wait_until 60 back || fail "it does not go on with room again: $(enigma status)"
went=$(($(now_ms) - freed))
enters() { [ "$(entries $freed)" -gt 0 ]; }
wait_until 60 enters || fail "no entry with room again: $(enigma funnel)"
grep -h '"level":"error"' "$dir"/log/*.log | grep -q invariant && fail "an invariant broke"
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
expect 0 enigma up --detach --speed 60 --seed "${SEED:-1}"
figure_is state TRADING || fail "not TRADING after the next start: $(enigma status)"
expect 0 enigma down
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "a full disk for 10 s under trading: said, the process manager lives, TRADING $went ms after there was room"
