#!/bin/bash
# Journals that were cut or exchanged while the system was down are noticed when it starts: their agent says so,
# does not become ready, nothing is traded; until the operator accepts the loss.
#   usage: test_cut_journal.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/lib.sh

launch_begin cut_journal
top=$dir dir=$dir/i
state_is() { figure_is state "$1"; }

expect 0 enigma up --detach --speed 1
wait_until 30 state_is TRADING || fail "not TRADING: $(figure state)"
expect 0 enigma down
cp -r "$dir/journal/risk" "$top/older"
expect 0 enigma up --detach --speed 1
wait_until 30 state_is TRADING || fail "not TRADING again: $(figure state)"
beats() { enigma sniff -n 30 --timeout 20 agent.hb >/dev/null; }      # anchors travel in them
beats
expect 0 enigma down

up_and_wait() { "$bin/enigma" -i "$dir" up --detach --speed 1 >"$top/up" 2>&1 </dev/null & }    # it will not be ready
in_status() { enigma status >"$top/out" 2>&1; grep -q "$1" "$top/out"; }

# ---- cut: an older copy of the journal comes back, as from a backup
mv "$dir/journal/risk" "$top/right"; cp -r "$top/older" "$dir/journal/risk"
up_and_wait
noticed() { grep -qs "JOURNAL_ROLLED_BACK: $2" "$dir/log/$1.log"; }
wait_until 20 noticed risk '' || fail "the cut is not noticed"
wait_until 10 in_status JOURNAL_ROLLED_BACK || fail "status does not say so: $(cat "$top/out")"
state_is TRADING && fail "trades all the same"
expect 0 enigma down

# ---- the right one put back is taken as if nothing had been
rm -r "$dir/journal/risk"; mv "$top/right" "$dir/journal/risk"
: >"$dir/log/risk.log"
expect 0 enigma up --detach --speed 1
wait_until 30 state_is TRADING || fail "not TRADING with the right journal: $(figure state)"
noticed risk '' && fail "the right journal is suspected"
beats
expect 0 enigma down

# ---- exchanged: a journal of its own that nobody knows; then the operator accepts it
rm -r "$dir/journal/signal"
up_and_wait
wait_until 20 noticed signal 'it is another journal' || fail "the exchange is not noticed"
state_is TRADING && fail "trades all the same"
touch "$dir/etc/accept-journal-signal"
enigma restart signal >"$top/out" 2>&1
wait_until 30 state_is TRADING || fail "not TRADING after the operator's word: $(figure state): $(cat "$top/out")"
gone_file() { [ ! -e "$dir/etc/accept-journal-signal" ]; }
wait_until 10 gone_file || fail "the acceptance stays"
expect 0 enigma down
echo "cut and exchanged journals noticed, nothing traded; the right one and an accepted one go on"
scenario_end
