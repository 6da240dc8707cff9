# What the bus and the seven agents of the instance in $dir use.  Source it after lib.sh, then
#   agents_find      their process ids to them; execution's signer is one of them
#   cpu_ns           what all their threads have run so far, by the scheduler's own account
#   pss_kib          sum of their proportional set sizes
#   pss_each         one line: each of them and its Pss
agents_names=' bus orchestrator data signal risk execution optimizer audit '

agents_find() {
  local p exe
  them=()
  for p in $(instance_pids); do
    exe=$(readlink "/proc/$p/exe" 2>/dev/null) || continue
    case $agents_names in *" ${exe##*/enigma-} "*) them+=("$p") ;; esac
  done
}

agents_all_there() {
  agents_find
  [ "$(for p in "${them[@]}"; do readlink "/proc/$p/exe"; done | sort -u | wc -l)" = 8 ]
}

cpu_ns() { for p in "${them[@]}"; do cat "/proc/$p/task"/*/schedstat; done | awk '{ t += $1 } END { printf "%.0f\n", t }'; }
pss_kib() { for p in "${them[@]}"; do cat "/proc/$p/smaps_rollup"; done | awk '/^Pss:/ { k += $2 } END { print k }'; }
pss_each() {
  local p
  for p in "${them[@]}"; do
    echo "$(awk '/^Pss:/ { printf "%.1f", $2 / 1024 }' "/proc/$p/smaps_rollup") $(readlink "/proc/$p/exe" | sed 's/.*enigma-//')"
  done | sort -rg | awk '{ printf "%s%s %s", (NR > 1 ? ", " : ""), $2, $1 } END { print "" }'
}
