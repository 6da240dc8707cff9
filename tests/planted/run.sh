#!/bin/bash
# Each planted bug: the files that have it are compiled again with it, before the archives of a test program, and the
# program has to fail.  `make planted` sets the environment: B, CC, CFLAGS_ALL, LDFLAGS_ALL, LIBS_ALL.
#   usage: run.sh [NAME...]        exit 0 only if every one is caught
cd "$(dirname "$0")/../.." || exit 1
: "${B:?run it by make planted}" "${CC:?}"
out=$B/planted
caught=0 missed=0
trim() { local t=$1; t=${t#"${t%%[! ]*}"}; echo "${t%"${t##*[! ]}"}"; }

archives() { # TEST: as the Makefile links it
  case $1 in
    agents/execution/*) echo "$B/libagent-execution.a" ;;
    agents/*) t=${1#agents/}; echo "$B/libagent-${t%%/*}.a" ;;
    broker/*) echo "$B/libbroker.a" ;;
    failpoint/test_order_path) echo "$B/tests/failpoint/exchange.o $B/libagent-execution.a $B/libpaper.a" ;;
  esac
  echo "$B/libagent.a $B/libexchange.a $B/libcore.a $B/libproto.a"
}

while IFS='|' read -r name test what; do
  name=$(trim "$name") test=$(trim "$test") what=$(trim "$what")
  case $name in ''|'#'*) continue ;; esac
  [ $# -gt 0 ] && case " $* " in *" $name "*) ;; *) continue ;; esac
  objects=() extra=()
  mapfile -t files < <(grep -lE "PLANTED\($name\)|PLANTED_$name\b" libagent/*.c libagent/*/*.c proto/*.c agents/*/*.c broker/*.c)
  case $test in
    failpoint/*) extra=(-DFAILPOINTS) with=libagent
      [ "$test" = failpoint/test_order_path ] && with=agents/execution
      for o in "$B"/failpoint/"$with"/*.o; do
        source=${o#"$B/failpoint/"}; source=${source%.o}.c
        case " ${files[*]} " in *" $source "*) ;; *) objects+=("$o") ;; esac
      done ;;
  esac
  log=$out/$name.log
  mkdir -p "$out"
  [ ${#files[@]} -gt 0 ] || { echo "MISSED $name: no place has it"; missed=$((missed + 1)); continue; }
  for f in "${files[@]}"; do
    o=$out/$name/${f%.c}.o
    mkdir -p "${o%/*}"
    $CC $CFLAGS_ALL "${extra[@]}" -DPLANTED_"$name"=1 -c "$f" -o "$o" || exit 1
    objects+=("$o")
  done
  $CC $LDFLAGS_ALL "$B/tests/$test.o" "${objects[@]}" $(archives "$test") $LIBS_ALL -o "$out/$name/test" || exit 1
  timeout -k 5 300 "$out/$name/test" >"$log" 2>/dev/null </dev/null; rc=$?
  by=$(grep -m1 -E '^WRONG |:[EF]:' "$log" | sed -E 's/^[^:]*:[0-9]+:[EF]:[^:]*:([^:]*):.*/\1/' | cut -c1-110)
  if [ $rc != 0 ] && [ -n "$by" ]; then
    caught=$((caught + 1))
    printf 'caught  %-24s %-34s %s\n' "$name" "$test" "$by"
  else
    missed=$((missed + 1))
    printf 'MISSED  %-24s %-34s exit %d: %s\n' "$name" "$test" $rc "$what"
  fi
  rm -rf "${out:?}/$name"
done <tests/planted/planted.def
echo "$caught of $((caught + missed)) planted bugs caught"
[ $missed = 0 ] && [ $caught -gt 0 ]
