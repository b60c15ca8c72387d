#!/bin/bash
# Instructions an event, counted by callgrind: decode, route and the lanes; then decode, route, apply and encode as the
# difference of two sizes. Counts repeat to a per mille and do not mind neighbours. Builds nothing: after `make profile`
# or `swift build -c release --product SluiceBench`.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-.build/release/SluiceBench}
records=${2:-20000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

count() { # VALGRIND-OPTIONS... -- WORDS...: instructions collected
    local options=()
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    valgrind --tool=callgrind --callgrind-out-file="$folder/data" "${options[@]}" "$program" "$@" 2>"$folder/log" ||
        { cat "$folder/log" >&2; exit 1; }
    sed -n 's/^.*Collected : \([0-9]*\).*$/\1/p' "$folder/log"
}

lanes=$(count '--toggle-collect=*countedBurst*' -- lanes "$records")
small=$(count -- hot-path "$records")
large=$(count -- hot-path $((3 * records)))
echo "decode, route, lanes:          $((lanes / records)) instructions an event"
echo "decode, route, apply, encode:  $(((large - small) / (2 * records))) instructions an event"
