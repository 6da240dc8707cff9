#!/bin/bash
# A raw client gets the venue's own codes for what is wrong, and pushes for what is right.
cd "$(dirname "$0")/../../.." || exit 1
exec node tests/interop/raw/drive.mjs "$(realpath "${1:-build/release/bin}")/enigma-paper"
