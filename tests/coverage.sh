#!/bin/bash
# Line and branch coverage of the pure core, from a run of the tests of a V=cov build.
#   usage: coverage.sh BUILD-DIR       exit 1 below 95 % of the lines or 90 % of the branches
# A branch counts as covered when it was taken at least once in each direction.
cd "$(dirname "$0")/.." || exit 1
b=${1:?usage: coverage.sh BUILD-DIR}
for c in libagent/core/*.c; do
  echo "file $c"
  gcov -bn -o "$b/libagent/core" "$b/${c%.c}.gcda" 2>/dev/null
done | awk '
  $1 == "file" { want = $2 }
  /^File / { name = $0; gsub(/^File .|.$/, "", name); on = name == want }
  on && /^Lines executed/ { split($2, a, ":"); n = $4; lines[want] = a[2]; L += n; l += n * a[2] / 100 }
  on && /^Taken at least once/ { split($4, a, ":"); n = $6; branches[want] = a[2]; B += n; t += n * a[2] / 100; on = 0 }
  END {
    for (f in lines) printf "%-40s lines %7s  branches %7s\n", f, lines[f], branches[f] == "" ? "-" : branches[f] | "sort"
    close("sort")
    if (L == 0) { print "coverage: no figures: build and run with V=cov"; exit 1 }
    printf "coverage of libagent/core: lines %.1f %%, branches %.1f %%\n", 100 * l / L, 100 * t / B
    exit 100 * l / L < 95 || 100 * t / B < 90
  }'
