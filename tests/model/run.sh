#!/bin/bash
# Check both models and all their mutants: run.sh [DIR].  A line for each run; sound ones must end
# without an error, mutants must be caught: a model that finds nothing wrong with them proves nothing.
# Ends with "N passed, N failed".  About two minutes and 2 GB of memory.
set -u
work=$(realpath -m "${1:-build/model}")
cd "$(dirname "$0")" || exit 1
passed=0 failed=0

# check WANT MODEL FLAG...   WANT: sound, or the beginning of the error that must be found
check() {
  local want=$1 model=$2 got states; shift 2
  local d; d=$work/$(tr -c '[:alnum:]\n' _ <<<"$model$*")
  mkdir -p "$d" && rm -f "$d"/* || exit 1
  # spin writes where it stands
  (cd "$d" && cp "$OLDPWD/$model.pml" . && spin "$@" -a "$model.pml" &&
    cc -O2 -DSAFETY -DNOREDUCE -DMEMLIM=2000 -w -o pan pan.c && ./pan -m2000000) >"$d/log" 2>&1
  states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$d/log")
  got=$(sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*/\1/p' "$d/log" | head -1)
  # Out of memory or depth: not everything was looked at, so it proves nothing.
  if [ -z "$got" ] && grep -q 'errors: 0' "$d/log" && ! grep -qiE 'out of memory|depth too small|not completed' "$d/log"
  then got=sound; fi
  if [ -n "$got" ] && [ "${got#"$want"}" != "$got" ]; then
    printf 'ok    %-5s %-44s %8d states  %s\n' "$model" "$*" "$states" "$got"; passed=$((passed + 1))
  else
    printf 'FAIL  %-5s %s: %s, not %s; see %s\n' "$model" "$*" "${got:-no result}" "$want" "$d/log"; failed=$((failed + 1))
  fi
}

bad='end state in claim reached'    # the never claim: more than one order, an order that exists called dead, an effect twice
lost='assertion violated'           # quiet, and something is still undecided or has not arrived

check sound   order
check sound   order -DDEDUP
check sound   order -DMAXCRASH=6
check sound   order -DMAXCRASH=20
check sound   order -DLIVE -DMAXCRASH=6
check sound   order -DONCE
check "$bad"  order -DSLOWBOOK
check "$bad"  order -DNAIVE_NOJOURNAL
check sound   order -DNAIVE_NOJOURNAL -DDEDUP
for naive in -DNAIVE_TIMEOUT_IS_FAIL -DNAIVE_NOTFOUND_IS_REJECT -DNAIVE_TRUST_REJECT; do
  check "$bad" order $naive
  check "$bad" order $naive -DDEDUP
done
check sound   bus
check sound   bus -DLIVE
check "$bad"  bus -DNAIVE_CURSOR_AFTER
check "$lost" bus -DLIVE -DNAIVE_NO_HEARTBEAT
check sound   bus -DGONE -DN=2
check sound   bus -DGONE -DN=2 -DLIVE
check "$lost" bus -DGONE -DN=2 -DLIVE -DNAIVE_NO_ARCHIVE

echo "$passed passed, $failed failed"
[ $failed = 0 ]
