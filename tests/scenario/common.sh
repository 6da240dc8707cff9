# What scenario scripts share.  Source it, then
#   scenario_begin NAME   a fresh instance directory in $dir, removed at the end; everything remembered, and
#                         every process that lives in it, is killed at the end by its id, whatever happens
#   instance_pids         processes whose working directory is that one or below
#   remember PID          ... is one of ours
#   wait_until S CMD...   wait at most S seconds for a condition; false when the time is over
#   fail TEXT             say so, show the logs' ends (and copy the instance to $KEEP_LOGS), exit 1
#   scenario_end          nothing may be left running

now_ms() { date +%s%3N; }

# A number is given again to somebody else: a process is its number and when it began (clock ticks since boot).
began() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
remember() { pids+=("$1 $(began "$1")"); }
remembered() { # numbers of those that are still there
  local p began
  for p in "${pids[@]}"; do
    began=${p#* }
    [ -n "$began" ] && [ "$(began "${p% *}")" = "$began" ] && echo "${p% *}"
  done
}

scenario_begin() {
  pids=()
  dir=$(mktemp -d "/tmp/enigma-$1.XXXXXX") || exit 1
  top=$dir
  trap scenario_clean EXIT
  trap 'exit 130' INT TERM
  exec {nothing}<> <(:)               # a pipe that never says anything: waits between looks without a process
}

scenario_clean() {
  local p try
  exec 2>/dev/null                      # the shell's word on who was killed is nobody's last line
  for try in 1 2 3 4 5; do              # a process manager may have started one meanwhile
    for p in $(remembered) $(instance_pids); do kill -9 "$p"; done
    pids=()
    nobody_left && break
  done
  wait
  rm -rf "$top" "$top".*
}

instance_pids() {
  local p at
  for p in /proc/[0-9]*; do
    at=$(readlink "$p/cwd" 2>/dev/null) || continue
    case $at in "$top"|"$top"/*) echo "${p#/proc/}" ;; esac
  done
}

nobody_left() { [ -z "$(instance_pids)" ]; }

wait_until() {
  local deadline=$(($(now_ms) + $1 * 1000)); shift
  until "$@"; do
    [ "$(now_ms)" -ge $deadline ] && return 1
    read -rt 0.02 -u "$nothing" || :
  done
}

fail() {
  echo "FAILED: $*"
  [ -n "${KEEP_LOGS:-}" ] && rm -rf "$KEEP_LOGS" && cp -r "$top" "$KEEP_LOGS" 2>/dev/null
  for f in "$dir"/log/*; do [ -s "$f" ] && { echo "--- ${f##*/}"; tail -8 "$f"; }; done
  exit 1
}

scenario_end() {
  local p ours
  ours=$(remembered)
  for p in $ours; do kill -TERM "$p" 2>/dev/null; done
  for p in $ours; do wait_until 5 gone "$p" || fail "process $p does not stop"; done
}
gone() { ! kill -0 "$1" 2>/dev/null || [ "$(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null)" = Z ]; }
