#!/bin/bash
# The first minutes of somebody who runs the paper exchange by hand: wrong options, files, ports and states.  Each ends
# with its exit code and a line that names what is wrong, the value and what to do.
#   usage: test_paper_bad_start.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh
scenario_begin bad_paper
mkdir -p "$dir/log"
cases=0
bad() { # CODE PATTERN OPTION...
  local want=$1 pattern=$2 rc; shift 2
  (cd "$dir" && exec timeout 20 "$bin/enigma-paper" --instance i "$@") >"$dir/out" 2>&1 </dev/null; rc=$?
  [ $rc = "$want" ] || fail "enigma-paper $*: exit $rc, not $want: $(cat "$dir/out")"
  grep -qE -- "$pattern" "$dir/out" || fail "enigma-paper $*: does not say '$pattern': $(cat "$dir/out")"
  cases=$((cases + 1))
}
bad 0 'usage: enigma-paper' --help
bad 2 'bogus.*|try enigma-paper --help' --bogus
bad 2 'extra: no such argument' extra
bad 2 'requires an argument' --port
bad 2 '--port 99999: must be a whole number from 0 to 65535' --port 99999
bad 2 '--port -1: must be' --port -1
bad 2 '--admin-port x: must be a whole number' --admin-port x
bad 2 '--speed 0: must be a number from 0.1 to 100000' --speed 0
bad 2 '--speed nan: must be' --speed nan
bad 2 '--speed 100001: must be' --speed 100001
bad 2 '--seed -1: must be' --seed -1
bad 2 '--seed 1e3: must be' --seed 1e3
bad 2 '--balance -1: must be a number above 0' --balance -1
bad 2 '--balance 1,5: must be' --balance 1,5
bad 2 '--start yesterday: must be a UTC time like' --start yesterday
bad 2 '--market nonsense: must be synthetic, replay:' --market nonsense
bad 2 "wall's clock: no --speed" --market mirror:http://127.0.0.1:1 --speed 2
bad 2 "'': must not be empty" --state ''

bad 4 "nofile.csv: No such file" --market replay:XBTUSDTM=nofile.csv
bad 4 "$dir: is no file" --market "replay:XBTUSDTM=$dir"
bad 4 "symbol 'FOO' is none of XBTUSDTM ETHUSDTM" --symbols FOO
bad 4 "symbol 'XBTUSDTM' is named twice" --symbols XBTUSDTM,XBTUSDTM
bad 4 'want replay:SYMBOL=FILE' --market replay:XBTUSDTM
echo 'time,price' >"$dir/x.csv"
bad 4 'x.csv:1: header is not ts_ms,open,high,low,close,volume' --market replay:XBTUSDTM=x.csv
printf 'ts_ms,side,price,size\n1,buy,x,1\n' >"$dir/t.csv"
bad 4 't.csv:2' --market replay:XBTUSDTM=t.csv
bad 4 'want TRADES.csv\+BOOK.jsonl' --market replay:XBTUSDTM=t.csv+x.csv
echo '{"type": "snapshot"}' >"$dir/b.jsonl"
bad 4 'b.jsonl:1' --market replay:XBTUSDTM=b.jsonl

bad 4 'nofile: No such file' --accounts nofile
bad 4 "$dir: Is a directory" --accounts "$dir"
accounts() { printf "$1" >"$dir/a"; }
accounts ''; bad 4 'a: names no account: add account, key, secret, passphrase' --accounts a
accounts 'key = x\n'; bad 4 'a:1: key comes before the first account line' --accounts a
accounts 'account = a\nkey = k\nsecret = s\n'; bad 4 'a: account a lacks a passphrase' --accounts a
accounts 'account = a\nkey = k\nsecret = s\npassphrase = p\nbalance = 1e400\n'; bad 4 'a:5: balance = 1e400: must be a plain number from 0 to' --accounts a
accounts 'account = a\nkey = k\nsecret = s\npassphrase = p\naccount = b\nkey = k\nsecret = s\npassphrase = p\n'; bad 4 'account b lacks a key of its own' --accounts a
accounts "$(printf 'account=a%s\\n' $(seq 17))"; bad 4 'a:17: account = a17: is one account too many .limit 16' --accounts a
accounts 'account = a\nvip = 99\n'; bad 4 'a:2: vip = 99: must be a whole number from 0 to 12' --accounts a
accounts 'account = a\npermission = General,Sleep\n'; bad 4 'a:2: permission = General,Sleep: must be a comma list of General' --accounts a
accounts 'account = a\ncolour = red\n'; bad 4 'a:2: colour is no known name \(account key' --accounts a
accounts 'account = a\nsecret =\n'; bad 4 'a:2: secret must have 1 to 79 characters' --accounts a
accounts 'account = a\nnonsense\n'; bad 4 "a:2: nonsense lacks '=': write name = value" --accounts a

bad 4 'nofile: No such file' --faults nofile
echo hello >"$dir/f"; bad 4 "f:1: line 'hello': want CLOCK TIME on.off NAME" --faults f
echo 'wall +1s on nonsense' >"$dir/f"; bad 4 "f:1: fault 'nonsense': no such fault" --faults f
echo 'wall +1s on rest_before value=9' >"$dir/f"; bad 4 "f:1: status '9': must be a whole number from 400 to 599" --faults f

# Ports, and the state of another market, seed, start, version or of a process that runs.
rm -rf "$dir/i"
paper() { (cd "$dir" && exec "$bin/enigma-paper" --instance i "$@") >>"$dir/log/paper" 2>&1 & pid=$!; remember $pid; wait_until 20 ready || fail "it does not start"; }
ready() { curl -sf -m 2 "http://127.0.0.1:$(cat "$dir/i/sock/paper.admin.port" 2>/dev/null)/admin/clock" >/dev/null; }
paper --start 2026-01-05T00:00Z
port=$(cat "$dir/i/sock/paper.port")
bad 1 'state_in_use.*"mend":"stop the other' --start 2026-01-05T00:00Z
bad 1 "\"port\":$port,\"error\":\"BUSY\",\"mend\":\"choose another --port" --state other --port "$port"
kill -TERM $pid; wait_until 10 gone $pid || fail "it does not stop"
bad 4 'i/paper: begun with --seed 1; give that, or another --state' --seed 2
bad 4 'i/paper: begun with --market synthetic; give that' --market replay:XBTUSDTM=x.csv
bad 4 'i/paper: begun with --start 2026-01-05T00:00' --start 2026-01-06T00:00Z
python3 - "$dir/i/paper/engine.log" <<'END' || fail "the log has another form"
import struct, sys, zlib
data = bytearray(open(sys.argv[1], 'rb').read())
magic, length, crc = struct.unpack('<III', data[:12])
kind, size, version = struct.unpack('<III', data[12:24])
assert kind == 1 and version == 1
data[20:24] = struct.pack('<I', 7)
data[8:12] = struct.pack('<I', zlib.crc32(bytes(data[12:12 + length])))
open(sys.argv[1], 'wb').write(data)
END
bad 4 'kept by another version of the exchange; give another --state' --start 2026-01-05T00:00Z
rm -rf "$dir/i"
paper --market mirror:http://127.0.0.1:1
told() { grep -q '"mirror.contracts".*all contracts stay paused' "$dir/log/paper"; }
wait_until 20 told || fail "an upstream that is not there is not told of"
scenario_end
echo "$cases wrong starts, each with its reason"
