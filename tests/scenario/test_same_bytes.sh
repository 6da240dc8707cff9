#!/bin/bash
# The core answers with the same bytes whichever compiler built it, at whatever level: the digests of
# tests/libagent/core/test_whole.c of four builds are compared.  Without clang: of two.
cd "$(dirname "$0")/../.." || exit 1
made=$(mktemp -d /tmp/enigma-same-bytes.XXXXXX) || exit 1
trap 'rm -rf "$made"' EXIT
sources=(tests/libagent/core/test_whole.c proto/{err,tm,dec}.c libagent/core/*.c)
n=0
for cc in gcc clang; do
  command -v $cc >/dev/null || { echo "$cc is not there, left out"; continue; }
  for level in -O2 -O3; do
    $cc -std=c11 $level -I. -D_GNU_SOURCE -fno-strict-overflow "${sources[@]}" \
      -lcheck -lsubunit -lrt -lpthread -lz -lbidgcc000 -lm -o "$made/whole" || exit 1
    "$made/whole" >"$made/out" 2>&1 || { cat "$made/out"; echo "$cc $level failed"; exit 1; }
    grep '^digest' "$made/out" >"$made/digests.$n" || { cat "$made/out"; exit 1; }
    sed "s/^/$cc $level: /" "$made/digests.$n"
    cmp -s "$made/digests.0" "$made/digests.$n" || { echo "$cc $level answers differently"; exit 1; }
    n=$((n + 1))
  done
done
[ $n -ge 2 ] || { echo "no compiler found"; exit 1; }
echo "$n builds, the same bytes"
