#!/bin/bash
# Put the table of proto/topics.def into docs/PROTOCOL.md, between its two marks.  Every TOPIC stands on one line.
set -eu
cd "$(dirname "$0")/.."
page=docs/PROTOCOL.md
table=$(mktemp) new=$(mktemp)
trap 'rm -f "$table" "$new"' EXIT
awk -F', *' '
  function who(set) {
    gsub(/[() ]/, "", set)
    gsub(/P_AGENTS/, "the seven", set); gsub(/P_ANY/, "the seven|broker", set); gsub(/P_NONE/, "", set)
    gsub(/P_/, "", set); gsub(/\|/, ", ", set)
    return tolower(set)
  }
  BEGIN { print "| topic | message | class | sockets | who may publish | who must apply it |\n|---|---|---|---|---|---|" }
  /^TOPIC\(/ {
    sub(/\)[ ]*$/, "", $8); gsub(/"/, "", $2)
    print "| `" $2 ($3 == "PREFIX" ? "*" : "") "` | " ($4 == "ANY" ? "any" : tolower($4)) " | " $5 " | " tolower($6) " | " who($7) " | " who($8) " |"
  }' proto/topics.def > "$table"
[ "$(grep -c '^TOPIC(' proto/topics.def)" = "$(grep -c '^| `' "$table")" ] ||
  { echo "topics-doc.sh: is each TOPIC on one line?" >&2; exit 1; }
awk -v table="$table" '
  /^<!-- topics begin/ { print; while ((getline line < table) > 0) print line; skip = 1; next }
  /^<!-- topics end/   { skip = 0 }
  !skip' "$page" > "$new"
cat "$new" > "$page"
