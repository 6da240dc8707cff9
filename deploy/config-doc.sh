#!/bin/bash
# Make docs/CONFIG.md from proto/config.def.  Every KEY stands on one line there, so that quotes divide it:
# 1 KEY(name, TYPE,  2 default  4 min  6 max  8 unit  9 reload  10 meaning.
set -eu
cd "$(dirname "$0")/.."
{
  cat <<'END'
# Configuration

Made by `deploy/config-doc.sh` from `proto/config.def`: change the list, then run the script.

A key is set in `etc/enigma.conf` of the instance (`name = value`, one a line, `#` begins a comment), in the
environment (`ENIGMA_NAME`), or on an agent's command line (`--name value`, with `-` for `_`); later wins in
that order, but a limit (*Reload* LOWER, HIGHER) that two of them give differently is an error. Unknown keys, keys given twice and values out of range are errors that name file and line.
`enigma config` shows the values in force and where each comes from; `enigma config --check FILE` checks a
file.

Types: STR text, INT whole number, DEC exact decimal, DBL floating point, BOOL `true` or `false`, LIST words
separated by blanks or commas. *Range* of a STR or LIST is its longest text. A changed file is in force after
`enigma reload`, or after `enigma down` and `enigma up`. *Reload* says what `enigma reload` may change when: FREE at any
time; PAUSED only in PAUSED or READY; RESTART never, it is read at start only. LOWER and HIGHER are limits, named
for their tighter direction: tighter at any time, looser only in PAUSED or READY and with the operator's key.
LOWER_0 is LOWER where 0 is no limit.
END
  awk -F'"' '
    /^#ifdef SEED/ { exit }
    /^\/\* [A-Z].*\*\/$/ {
      sub(/^\/\* /, ""); sub(/ *\*\/$/, "")
      print "\n## " $0 "\n\n| name | type | default | range | unit | reload | meaning |\n|---|---|---|---|---|---|---|"
    }
    /^KEY\(/ {
      split($1, head, /[(, ]+/); gsub(/[ ,]/, "", $9)
      range = $4 != "" ? $4 " to " $6 : $6 != "" ? "at most " $6 : ""
      default_ = $2 == "" ? "(empty)" : "`" $2 "`"
      gsub(/\|/, "\\|", $10)
      print "| `" head[2] "` | " head[3] " | " default_ " | " range " | " $8 " | " $9 " | " $10 " |"
    }' proto/config.def
  cat <<'END'

## Bare names in the environment

These variables are understood as well; where a factor stands, the value is multiplied by it.

| variable | key | factor |
|---|---|---|
END
  sed -nE 's/^SEED\(([A-Z_]+), *([a-z_]+), *([0-9]+)\)$/| `\1` | `\2` | \3 |/p' proto/config.def | sed 's/| 1 |$/| |/'
} > docs/CONFIG.md
keys=$(grep -c '^KEY(' proto/config.def)
rows=$(sed '/^## Bare/,$d' docs/CONFIG.md | grep -c '^| `')
[ "$keys" = "$rows" ] || { echo "config-doc.sh: $keys keys but $rows rows: is each KEY on one line?" >&2; exit 1; }
