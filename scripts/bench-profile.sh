#!/bin/bash
# The twenty functions of the hot path that cost most, by themselves: perf's samples where the kernel allows them, else
# callgrind's instruction counts. Called by `make profile`; prints the list and keeps it in .build/bench/profile.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-$(scripts/find-swift.sh)} || exit 69
program=.build/release/SluiceBench
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p .build/bench

demangle() { # No longer than a screen is wide.
    "$(dirname "$(readlink -f "$(command -v "$swift")")")/swift-demangle" --compact 2>/dev/null | cut -c1-160 || cat
}

if command -v perf >/dev/null && perf record -q -o "$folder/try" true 2>/dev/null >&2; then
    how="perf, share of the time (decode, route, apply, encode; 600,000 records)"
    perf record -q -F 999 -o "$folder/data" "$program" hot-path 600000 >&2
    perf report -i "$folder/data" --no-children --stdio --percent-limit 0 --sort symbol 2>/dev/null |
        sed '/^#/d; /^ *$/d; s/ *-  *-  *$//' >"$folder/all"
elif command -v valgrind >/dev/null; then
    how="callgrind, share of the instructions (decode, route, apply, encode; 20,000 records)"
    valgrind --tool=callgrind --callgrind-out-file="$folder/data" "$program" hot-path 20000 >&2 2>"$folder/log" ||
        { cat "$folder/log" >&2; exit 1; }
    callgrind_annotate --threshold=100 "$folder/data" 2>/dev/null |
        sed -n 's/^ *\([0-9,]* *([ 0-9.]*%)\) *\(.*\)$/\1  \2/p' | grep -v 'PROGRAM TOTALS' |
        sed 's#  [^ ]*:#  #; s# \[[^]]*\]$##' >"$folder/all"
else
    echo "profile: needs perf (linux-perf) with a kernel that allows it, or valgrind" >&2
    exit 69
fi
{
    echo "profile: $how"
    sed 20q "$folder/all" | demangle
} | tee .build/bench/profile.txt
