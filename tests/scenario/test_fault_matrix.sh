#!/bin/bash
# Every fault of the paper exchange's list: switched on by the admin port, shown to bite by a client of raw sockets,
# counted, switched off, and all is as before.  Then the same by a script, bad switches, and bad scripts.
#   usage: test_fault_matrix.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh
scenario_begin fault_matrix
mkdir -p "$dir/log"

paper() { (cd "$dir" && exec "$bin/enigma-paper" --instance . --speed 20 "$@") >>"$dir/log/paper" 2>&1 & remember $!; }

cat >"$dir/accounts" <<END
account = one
key = key-one
secret = secret-one
passphrase = pass-one
account = two
key = key-two
secret = secret-two
passphrase = pass-two
permission = General
END
paper --accounts accounts
ready() { [ -s "$dir/sock/paper.admin.port" ] && curl -sf "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/clock" >/dev/null; }
wait_until 10 ready || fail "the exchange does not start"
matrix=$(python3 tests/scenario/fault_matrix.py "$dir/sock" 2>&1) || fail "$matrix"
echo "$matrix"
scenario_end

# The script: wall and market time, an end by itself, and a line that lies before the start.
pids=()
cat >"$dir/faults" <<END
# when                 which
wall 2020-01-01T00:00Z on rest_delay value=1
wall +0s               off *
wall +200ms            on rest_before value=500 match=/api/v1/timestamp for=1s
market +40s            on ws_drop match=ticker      # 2 s at this speed
END
paper --accounts accounts --faults faults
wait_until 10 ready || fail "the exchange does not start with a script"
faults() { curl -s "http://127.0.0.1:$(cat "$dir/sock/paper.admin.port")/admin/faults" | jq -r "$1"; }
asked() { curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$(cat "$dir/sock/paper.port")/api/v1/timestamp"; }
five() { [ "$(asked)" = 500 ]; }
fine() { [ "$(asked)" = 200 ]; }
drops() { [ "$(faults '.faults[] | select(.fault == "ws_drop") | .on')" = true ]; }
wait_until 5 five || fail "the script's rest_before does not bite"
wait_until 5 fine || fail "the script's rest_before does not end"
wait_until 10 drops || fail "the market's line is not done"
[ "$(faults '.script_left')" = 0 ] || fail "lines are left: $(faults .script_left)"
[ "$(faults '[.faults[] | select(.fault == "rest_delay") | .switched, .on] | join(" ")')" = "1 false" ] || fail "the line of the past was not done"
scenario_end

# What cannot be: told with file, line and mend, and nothing starts.
refused() { # LINE WHAT-IT-SAYS
  printf '# a script\n%s\n' "$1" >"$dir/bad"
  out=$("$bin/enigma-paper" --instance "$dir/bad.instance" --accounts "$dir/accounts" --faults "$dir/bad" 2>&1 </dev/null); rc=$?
  [ $rc = 4 ] || fail "'$1' ends with $rc, not 4: $out"
  case $out in *"bad:2: "*"$2"*) ;; *) fail "'$1' does not say '$2': $out" ;; esac
}
refused 'wall +1s on rest_brake' 'no such fault'
refused 'wall +1s on rest_cut value=-1' 'from 0 to 1048576'
refused 'wall +1s on rest_cut value=x' 'from 0 to 1048576'
refused 'wall +1s on rest_reset value=1' 'takes no value'
refused 'wall +1s on rest_cut p=1.5' 'above 0, at most 1'
refused 'wall +1s on rest_cut often=1' 'must be value, match, p, count'
refused 'wall +1s on rest_cut for=5' '500ms, 5s, 2m, 1h'
refused 'wall +1s off rest_cut value=5' 'no meaning when switching off'
refused 'wall +1s on *' 'can only be switched off'
refused 'wall soon on rest_cut' '2024-08-05T01:00Z'
refused 'clock +1s on rest_cut' 'wall or market'
refused 'wall +1s maybe rest_cut' 'on or off'
refused 'wall +1s on' 'CLOCK TIME'
out=$("$bin/enigma-paper" --instance "$dir/bad.instance" --faults "$dir/none" 2>&1 </dev/null); rc=$?
[ $rc = 4 ] || fail "a script that is not there ends with $rc: $out"
grep -aqE "Sanitizer|runtime error|invariant.broken" "$dir/log/paper" && fail "the exchange is broken: $(grep -aE "Sanitizer|runtime error|invariant.broken" "$dir/log/paper" | head -3)"
nobody_left || fail "left running: $(instance_pids | xargs)"
echo "$(wc -l <<<"$matrix") faults bite, are counted and end; scripts in wall and market time; 14 bad scripts named"
