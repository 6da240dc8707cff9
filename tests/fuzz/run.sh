#!/bin/bash
# Each fuzz target for SECONDS under ASan + UBSan: run.sh [SECONDS].  Findings stay in build/fuzz.
# RUNS=1000000: so many inputs each, however long it takes.  ONLY="server orders": those targets.
# What a target begins with, beside what earlier runs found: tests/fuzz/seeds/TARGET.
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-60}
limit=-max_total_time=$seconds
[ -n "${RUNS:-}" ] && limit=-runs=$RUNS
work=build/fuzz
mkdir -p $work
fail=0
for src in tests/fuzz/fuzz_*.c; do
  name=$(basename "$src" .c)
  [ -z "${ONLY:-}" ] || [[ " $ONLY " == *" ${name#fuzz_} "* ]] || continue
  # A target may name whole folders or single files that it needs, and options: "link: deploy/paper libagent", "options: -x=1 (why)".
  parts=(libagent/journal.c libagent/request.c libagent/wsframe.c) libs=()
  folders=$(sed -n 's/^ \* link: //p' "$src")
  if [ -n "$folders" ]; then
    parts=()
    for folder in $folders; do
      [ -f "$folder" ] && { parts+=("$folder"); continue; }
      for c in "$folder"/*.c; do [ "${c##*/}" = main.c ] || parts+=("$c"); done
    done
    libs=(-lczmq -lzmq -luv -lcurl -lwebsockets -lhiredis -lsqlite3 -ljansson -lz)
  fi
  clang -std=c11 -O1 -g -I. -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    "$src" proto/*.c "${parts[@]}" \
    -lmsgpackc -lsodium -lbidgcc000 "${libs[@]}" -lm -o "$work/$name" || { fail=1; continue; }
  mkdir -p "$work/$name.corpus"
  cp -n tests/fuzz/seeds/"$name"/* "$work/$name.corpus" 2>/dev/null
  began=$SECONDS
  if (cd "$work" && "./$name" $limit -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
      $(sed -n 's/^ \* options: \([^(]*\).*/\1/p' "$OLDPWD/$src") "$name.corpus" >"$name.log" 2>&1); then
    echo "ok    $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log") inputs in $((SECONDS - began)) s, no finding"
  else
    echo "FAIL  $name: see $work/$name.log"
    fail=1
  fi
done
exit $fail
