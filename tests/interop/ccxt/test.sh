#!/bin/bash
# ccxt's kucoinfutures, unmodified but for base URLs, trades on enigma-paper.
set -u
cd "$(dirname "$0")/../../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp tests/interop/ccxt/{package.json,drive.mjs} tests/interop/paper.mjs "$work"
(cd "$work" && npm install --no-package-lock --no-audit --no-fund --silent) || exit 1
(cd "$work" && node drive.mjs "$bin/enigma-paper") || exit 1
