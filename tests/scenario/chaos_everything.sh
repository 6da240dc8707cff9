#!/bin/bash
# KILLS random kills among all processes, with halts and faults of the exchange between: five counts, all 0.
#   usage: chaos_everything.sh [BIN-DIR]     KILLS=150 SEED=1
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}") kills=${KILLS:-150} seed=${SEED:-1}
. tests/scenario/chaos.sh
