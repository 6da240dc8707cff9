# What scenario scripts that launch a whole instance share.  Set $bin, source it, then
#   launch_begin NAME      scenario_begin
#   enigma ARG...          the operator's command on that instance
#   expect CODE CMD...     run it; another exit code than CODE fails.  Its output is in $out
#   figure KEY             a value of `status --json`, KEY as the path of a dotted name
. tests/scenario/common.sh

launch_begin() {
  scenario_begin "$1"
  out=
}

enigma() { "$bin/enigma" -i "$dir" "$@"; }

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
