#!/bin/sh
# Makes a replay case of the newest run of a process: scripts/record-case.sh NAME CASE [BYTES]
# The process must have run with `journal = "whole"`. With BYTES, only the journal's beginning is kept.
set -eu
ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
[ $# -ge 2 ] || { echo "usage: scripts/record-case.sh NAME CASE [BYTES]" >&2; exit 2; }
name=$1 case=$2 bytes=${3:-0}
home=${ALPHAMESH_HOME:-$ROOT/.mesh}
run=$(ls -1d "$home/journal/$name"/* | sort -n | tail -n 1)
folder=$ROOT/tests/replay/logs/$name--$case
mkdir -p "$folder"
if [ "$bytes" -gt 0 ]; then
    head -c "$bytes" "$run/journal.log" > "$folder/journal.log"
else
    cp "$run/journal.log" "$folder/journal.log"
fi
# The case belongs to no mesh: where it ran is of no interest.
sed -e 's#^home = .*#home = "/nonexistent"#' -e '/^run_dir = /d' \
    -e 's#^\(market\|signal\|execution\) = .*#\1 = "none"#' "$run/config.toml" > "$folder/config.toml"
echo "$folder: $(wc -c < "$folder/journal.log") bytes"
