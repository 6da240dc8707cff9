#!/bin/bash
# A Node.js client reads the bus with CURVE, asks a question, and is refused what it may not publish.
set -u
cd "$(dirname "$0")/../../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
. tests/scenario/common.sh
scenario_begin interop
up_dir=$dir/i
"$bin/enigma" -i "$up_dir" up --detach --speed 1 >"$dir/up.log" 2>&1 || { cat "$dir/up.log"; exit 1; }
work=$dir/copy/tests/interop/bus
mkdir -p "$work" "$dir/copy/proto" && cp tests/interop/bus/{package.json,check.mjs} "$work" &&
  cp -r proto/vectors "$dir/copy/proto/" || fail "copy"
(cd "$work" && npm install --no-package-lock --no-audit --no-fund --silent) || fail "npm install"
(cd "$work" && node check.mjs "$up_dir") || fail "check.mjs"
echo "Node.js read the bus, was answered, and was refused risk.approved"
