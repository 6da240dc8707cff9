# What scenario scripts that launch a whole instance share.  Set $bin, source it, then
#   launch_begin NAME      a fresh instance directory in $dir; at the end, whatever happens, every process that
#                          lives in it is killed by its id and the directory is removed
#   enigma ARG...          the operator's command on that instance
#   instance_pids          processes whose working directory is the instance's or below
#   expect CODE CMD...     run it; another exit code than CODE fails.  Its output is in $out
#   figure KEY             a value of `status --json`, KEY as the path of a dotted name
. tests/scenario/common.sh

launch_begin() {
  scenario_begin "$1"
  trap launch_clean EXIT
  out=
}

launch_clean() {
  local p
  for p in "${pids[@]}" $(instance_pids); do kill -9 "$p" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$dir" "$dir".*
}

enigma() { "$bin/enigma" -i "$dir" "$@"; }

instance_pids() {
  local p at
  for p in /proc/[0-9]*; do
    at=$(readlink "$p/cwd" 2>/dev/null) || continue
    case $at in "$dir"|"$dir"/*) echo "${p#/proc/}" ;; esac
  done
}

nobody_left() { [ -z "$(instance_pids)" ]; }

expect() {
  local want=$1 rc; shift
  out=$("$@" 2>&1 </dev/null 3>&-); rc=$?
  [ $rc = "$want" ] || fail "\`$*\` ended with $rc, not $want: $out"
}

figure() {
  enigma status --json 2>/dev/null | python3 -c '
import json, sys
v = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    v = v[key]
print(json.dumps(v) if not isinstance(v, str) else v)' "$1" 2>/dev/null
}
figure_is() { [ "$(figure "$1")" = "$2" ]; }
