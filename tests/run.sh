#!/bin/bash
# Run test programs and scripts one after the other: run.sh TEST... [-- ARGUMENT-FOR-SCRIPTS]
# Prints a line each, the output of those that fail, and at last "N passed, N failed".
tests=() arg=()
while [ $# -gt 0 ]; do
  [ "$1" = -- ] && { shift; arg=("$@"); break; }
  tests+=("$1"); shift
done
[ ${#tests[@]} -eq 0 ] && { echo "run.sh: no tests"; exit 1; }
passed=0 failed=0 log=$(mktemp)
trap 'rm -f "$log"' EXIT
for t in "${tests[@]}"; do
  t0=$(date +%s%N)
  case $t in
    *.sh) timeout -k 10 ${TEST_SECONDS:-1800} "$t" "${arg[@]}" >"$log" 2>&1 </dev/null; rc=$? ;;
    *)    timeout -k 10 600 "$t" >"$log" 2>&1 </dev/null; rc=$? ;;
  esac
  ms=$((($(date +%s%N) - t0) / 1000000))
  if [ $rc = 0 ]; then
    passed=$((passed + 1))
    printf 'ok    %-60s %6d ms  %s\n' "${t#build/*/}" $ms "$(tail -1 "$log" | cut -c1-400)"
  else
    failed=$((failed + 1))
    printf 'FAIL  %-60s %6d ms  exit %d\n' "${t#build/*/}" $ms $rc
    grep -m 5 -E '^FAILED|:[EF]:' "$log" | sed 's/^/      | /'     # the reason, however long the logs after it
    sed 's/^/      | /' "$log" | tail -60
  fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
