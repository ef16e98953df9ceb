#!/bin/sh
# Runs a fuzz target. Without a name: lists the targets.
#   scripts/fuzz.sh                       the targets
#   scripts/fuzz.sh NAME [--seconds N]    runs one, 60 s unless told; 1 when it finds a crash
#   scripts/fuzz.sh NAME --repeat FILE    runs one input again
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
fuzz=$here/tests/fuzz

usage() {
    sed -n '3,5s/^# *//p' "$0" >&2
    exit 2
}

targets() {
    for file in "$fuzz"/targets/*.rs; do
        name=$(basename "$file" .rs)
        printf '%-12s %s\n' "$name" "$(sed -n '1s|^//! ||p' "$file")"
    done
}

[ $# -gt 0 ] || { targets; exit 0; }
name=$1
shift
[ -f "$fuzz/targets/$name.rs" ] || { echo "fuzz: no target '$name'; there are:" >&2; targets >&2; exit 2; }

seconds=60
repeat=
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) [ $# -ge 2 ] || usage; seconds=$2; shift 2 ;;
        --repeat) [ $# -ge 2 ] || usage; repeat=$(realpath "$2"); shift 2 ;;
        [0-9]*) seconds=$1; shift ;;
        *) usage ;;
    esac
done
case $seconds in *[!0-9]* | '') usage ;; esac

command -v c++ >/dev/null || {
    echo "fuzz: a C++ compiler (c++) is missing: libFuzzer is built with it. On Debian: apt-get install g++" >&2
    exit 2
}

# Coverage instrumentation for what runs in the target; build scripts and macros, which run in the compiler, are left out
# because a target triple is named. Only stable options, and no tool but rustc and a C++ compiler.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --quiet --release --manifest-path "$fuzz/Cargo.toml" --target-dir "$fuzz/target" --target "$host" \
    --bin seeds --bin "$name"
built=$fuzz/target/$host/release

if [ -n "$repeat" ]; then
    exec "$built/$name" "$repeat"
fi

corpus=$fuzz/corpus/$name
artifacts=$fuzz/artifacts/$name
mkdir -p "$corpus" "$artifacts"
"$built/seeds" "$fuzz/corpus"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if "$built/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="$artifacts/" "$corpus" >"$log" 2>&1; then
    sed -n 's/^stat::number_of_executed_units: */executed /p; s/^stat::average_exec_per_sec: */per second /p' "$log"
    echo "fuzz $name: no crash in $seconds s, $(find "$corpus" -type f | wc -l) inputs in $corpus"
    exit 0
fi
tail -n 40 "$log" >&2
found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
echo "fuzz $name: crash; the input is ${found:-not known}" >&2
echo "again: $0 $name --repeat ${found:-FILE}" >&2
exit 1
