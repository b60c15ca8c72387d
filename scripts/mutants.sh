#!/bin/bash
# Changes one line of the rules of orders at a time, as scripts/mutants.tsv lists them, and expects a test to fail.
#
#   scripts/mutants.sh [TEXT]             all mutants, or those whose line holds TEXT
#   scripts/mutants.sh --identity [TEXT]  those of scripts/mutants-identity.tsv, about names of orders
#
# Works in a copy of the three folders that matter (identity: of the package), in a temporary folder. Prints a row a
# mutant; exits 1 when one lives or cannot be made. A mutant that does not compile is none, and counts as one that
# cannot be made.
set -uo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-$(scripts/find-swift.sh)} || exit 69
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
if [[ ${1:-} == --identity ]]; then
    shift
    list=scripts/mutants-identity.tsv folder=
    quick=(--filter 'ReferenceTests|AliasTests|WaitingTests') slow=(--filter SharedOrdersTests)
    cp -r Package.swift Sources Tests Benchmarks "$place/"
else
    list=scripts/mutants.tsv folder=Orders/
    quick=(--skip 'ConvergenceTests|SmallScopeTests') slow=(--filter 'ConvergenceTests|SmallScopeTests')
    mkdir -p "$place/Sources" "$place/Tests"
    cp -r Sources/OrderEvents Sources/Orders "$place/Sources/"
    cp -r Tests/OrdersTests "$place/Tests/"
    cat >"$place/Package.swift" <<'PACKAGE'
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "mutants",
    targets: [
        .target(name: "OrderEvents", swiftSettings: [.enableUpcomingFeature("InternalImportsByDefault")]),
        .target(
            name: "Orders", dependencies: ["OrderEvents"],
            swiftSettings: [.enableUpcomingFeature("InternalImportsByDefault")]),
        .testTarget(name: "OrdersTests", dependencies: ["Orders", "OrderEvents"]),
    ]
)
PACKAGE
fi

# Whether the tests fail: the quick ones first, those over random histories only when they pass.
killed() {
    ! "$swift" test --package-path "$place" --disable-xctest --skip-build "${quick[@]}" \
        >"$place/log" 2>&1 && return 0
    ! "$swift" test --package-path "$place" --disable-xctest --skip-build "${slow[@]}" \
        >"$place/log" 2>&1
}

"$swift" build --package-path "$place" --build-tests >"$place/log" 2>&1 || {
    cat "$place/log"
    exit 1
}
dead=0 alive=0 number=0
while IFS=$'\t' read -r file from to what; do
    [[ $file == \#* || -z $file ]] && continue
    [[ -z ${1:-} || "$file $from $to $what" == *"$1"* ]] || continue
    number=$((number + 1))
    source=$place/Sources/$folder$file
    cp "$source" "$place/kept"
    if ! FROM=$from TO=$to perl -0pi -e 'BEGIN { $n = 0 } $n += s/\Q$ENV{FROM}\E/$ENV{TO}/; END { exit($n ? 0 : 3) }' \
        "$source" || cmp -s "$source" "$place/kept"; then
        verdict="NOT MADE"
    elif ! "$swift" build --package-path "$place" --build-tests >"$place/log" 2>&1; then
        verdict="NOT COMPILED"
    elif killed; then
        by=$(sed -n 's/^✘ Test \([^ ]*\) recorded.*/\1/p' "$place/log" | head -n 1)
        verdict="killed by ${by:-the end of the process}"
    else
        verdict=LIVES
    fi
    if [[ $verdict == killed* ]]; then dead=$((dead + 1)); else alive=$((alive + 1)); fi
    printf '%2d  %-32s %-62s %s\n' "$number" "$file" "$what" "$verdict"
    cp "$place/kept" "$source"
done <"$list"
echo "$dead of $number mutants killed"
[ "$alive" -eq 0 ] && [ "$number" -gt 0 ]
