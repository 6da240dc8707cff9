#!/bin/bash
# Install the Debian packages that are missing: deps.sh build|run|test|clang|interop|model|valgrind ...
# As root or with a sudo that asks nothing it installs them; otherwise it prints the line to run.
set -u
declare -A packages=(
  [build]="gcc libc6-dev make libzmq3-dev libczmq-dev libmsgpack-dev libcurl4-openssl-dev
           libwebsockets-dev libwebsockets-evlib-uv libhiredis-dev check libuv1-dev libsodium-dev
           libintelrdfpmath-dev libjansson-dev libsqlite3-dev zlib1g-dev pkg-config libsubunit-dev"
  [run]="redis-server supervisor procps"
  [test]="curl jq python3"
  [clang]="clang libclang-rt-14-dev clang-format"
  [interop]="nodejs npm"
  [model]="spin gcc libc6-dev"
  [valgrind]="valgrind"
)
missing=()
for group in "$@"; do
  for p in ${packages[$group]:?unknown group $group}; do
    # npm may come with another distribution of Node.js than Debian's
    { [ "$p" = nodejs ] && command -v node || [ "$p" = npm ] && command -v npm; } >/dev/null && continue
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
done
[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" = 0 ]; then run=(); elif sudo -n true 2>/dev/null; then run=(sudo); else
  printf 'Missing packages. Run this line, then try again:\n  sudo %s\n' "$install" >&2
  exit 1
fi
echo "installing: ${missing[*]}"
# Services of the packages are not wanted: each instance runs its own.
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { "${run[@]}" apt-get update && "${run[@]}" env RUNLEVEL=1 $install; } >"$log" 2>&1; then
  tail -20 "$log" >&2
  echo "deps.sh: could not install; the line was: $install" >&2
  exit 1
fi
rm -f "$log"
