#!/bin/bash
# Line and branch coverage from a run of the tests of a V=cov build: the pure core, and the order path.
#   usage: coverage.sh BUILD-DIR       exit 1 below 95 % of the core's lines or 90 % of its branches, or when a line
#                                      of the order path was never run
# A branch counts as covered when it was taken at least once in each direction.
cd "$(dirname "$0")/.." || exit 1
b=${1:?usage: coverage.sh BUILD-DIR}
PATH_FILES=(
  proto/{token,resume}.c                                        # token
  libagent/journal.c                                            # journal
  agents/execution/{answers,approve,body,books,fold,manage,send}.c     # order table
  agents/execution/{compare,reads}.c                            # reconcile
  agents/execution/{guards,policy,signer,signlog}.c             # latch
)

measure() { # NAME LINES BRANCHES FILE...
  local name=$1 lines=$2 branches=$3 c
  shift 3
  for c; do
    echo "file $c"
    gcov -bn -o "$b/${c%/*}" "$b/${c%.c}.gcda" 2>/dev/null
  done | awk -v name="$name" -v lines_goal="$lines" -v branches_goal="$branches" '
    $1 == "file" { want = $2; files++ }
    /^File / { at = $0; gsub(/^File .|.$/, "", at); on = at == want }
    on && /^Lines executed/ { split($2, a, ":"); n = $4; lines[want] = a[2]; L += n; l += n * a[2] / 100 }
    on && /^Taken at least once/ { split($4, a, ":"); n = $6; branches[want] = a[2]; B += n; t += n * a[2] / 100; on = 0 }
    END {
      for (f in lines) printf "%-40s lines %7s  branches %7s\n", f, lines[f], branches[f] == "" ? "-" : branches[f] | "sort"
      close("sort")
      if (length(lines) < files) { print "coverage: not every file has figures: build and run with V=cov"; exit 1 }
      printf "coverage of %s: lines %.2f %%, branches %.1f %%\n", name, 100 * l / L, 100 * t / B
      exit 100 * l / L < lines_goal - 0.001 || 100 * t / B < branches_goal
    }'
}
measure libagent/core 95 90 libagent/core/*.c; core=$?
measure 'the order path' 100 0 "${PATH_FILES[@]}"; path=$?
[ $core = 0 ] && [ $path = 0 ]
