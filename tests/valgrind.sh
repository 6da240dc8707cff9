#!/bin/bash
# Unit tests under valgrind's memcheck, one program after the other: valgrind.sh TEST...
# Counts as failed: a test that fails, an error that memcheck reports, and memory that is lost for good ("definite")
# when a process ends; every test is a process of its own and is looked at by itself.
# Left out, by name: what cannot run this way, and what needs more than MOST seconds of processor without valgrind,
# which takes 20 to 50 times that.
MOST=${VALGRIND_MOST:-2}
TIMEFORMAT=%U
cannot() {
  case ${1##*/} in
    test_signer|test_signer_life|test_confine) echo 'seccomp refuses the executable pages that valgrind needs for its translations' ;;
    test_nth_failure|test_signlog) echo 'its malloc, or its calls of the disk, stand where those of valgrind would' ;;
    test_bus|test_http) echo 'its deadlines are in real time, and valgrind does not keep them' ;;
    test_commit) echo 'its processes end in the middle on purpose, and what they held is lost with them' ;;
    *) return 1 ;;
  esac
}
too_slow() { # prints why
  local used
  # What is ended before its end was not waited for, and its time not counted.
  used=$( { time timeout -k 5 60 "$1" >/dev/null 2>&1 </dev/null || [ $? != 124 ] || echo 60 >&2; } 2>&1 | tail -1)
  awk -v used="$used" -v most="$MOST" 'BEGIN { if (used <= most) exit 1; printf "%.1f s of processor or more without valgrind\n", used }'
}
passed=0 failed=0 left=0 log=$(mktemp)
trap 'rm -f "$log"' EXIT
for t; do
  if why=$(cannot "$t") || why=$(too_slow "$t"); then
    left=$((left + 1))
    printf 'left  %-60s %s\n' "${t#build/*/}" "$why"
    continue
  fi
  t0=$SECONDS
  CK_TIMEOUT_MULTIPLIER=30 timeout -k 10 300 valgrind -q --error-exitcode=99 --leak-check=full \
    --errors-for-leak-kinds=definite --show-leak-kinds=definite --num-callers=20 "$t" >"$log" 2>&1 </dev/null
  rc=$?
  if [ $rc = 0 ] && ! grep -q '^==[0-9]*== [A-Z0-9]' "$log"; then
    passed=$((passed + 1))
    printf 'ok    %-60s %4d s\n' "${t#build/*/}" $((SECONDS - t0))
  else
    failed=$((failed + 1))
    printf 'FAIL  %-60s %4d s  exit %d\n' "${t#build/*/}" $((SECONDS - t0)) $rc
    grep -v '^{' "$log" | head -60 | sed 's/^/      | /'
  fi
done
echo "$passed clean under valgrind, $failed not, $left left out"
[ $failed = 0 ]
