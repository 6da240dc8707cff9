#!/bin/bash
# KuCoin's Universal SDK, unmodified but for base URLs, trades on enigma-paper.
set -u
cd "$(dirname "$0")/../../.." || exit 1
bin=$(realpath "${1:-build/release/bin}")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp tests/interop/sdk/{package.json,drive.mjs,types.mjs} tests/interop/paper.mjs "$work"
(cd "$work" && npm install --no-package-lock --no-audit --no-fund --silent) || exit 1
(cd "$work" && node drive.mjs "$bin/enigma-paper") || exit 1
