#!/bin/bash
# Our indicators against TA-Lib's own C source, which npm's package `talib` carries: same first bar, same values.
#   usage: test.sh [BIN-DIR]
set -u
cd "$(dirname "$0")/../../.." || exit 1
lib=$(realpath "${1:-build/release/bin}")/..
made=$(mktemp -d /tmp/enigma-talib.XXXXXX) || exit 1
trap 'rm -rf "$made"' EXIT
(cd "$made" && npm pack talib@1.1.6 --silent >/dev/null && tar xzf talib-*.tgz) || { echo "npm has no talib"; exit 1; }
(cd "$made" && cc -O2 -w -Ipackage/src/lib/{include,src/ta_common,src/ta_func} -c package/src/lib/src/ta_common/ta_global.c \
  package/src/lib/src/ta_func/ta_{RSI,MACD,WILLR,STOCH,BBANDS,STDDEV,VAR,EMA,SMA,OBV,ATR,TRANGE,ADX,PLUS_DI,MINUS_DI}.c \
  package/src/lib/src/ta_func/ta_{MAX,MIN,MA,WMA,DEMA,TEMA,TRIMA,KAMA,MAMA,T3,utility}.c) || exit 1
cc -std=c11 -O2 -Wall -Wextra -Werror -I. -D_GNU_SOURCE -isystem "$made/package/src/lib/include" tests/interop/talib/compare.c \
  "$made"/ta_*.o "$lib"/lib{core,proto}.a -lbidgcc000 -lz -lm -o "$made/compare" || exit 1
"$made/compare"
