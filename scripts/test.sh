#!/bin/bash
# Builds and runs the tests; arguments go to `swift test` (such as --filter TidyTests).
#
# Ends with one line `N passed, N failed` (and `, N skipped` where some were), and exits non-zero when the build or any
# test failed, or when no test ran. Tests are counted from the report that Swift Testing writes; when the test process
# died before it could write it, from what it said until then.
set -uo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-$(scripts/find-swift.sh)} || exit 69
[ ! -d .build/tools ] || PATH=$PWD/.build/tools:$PATH

mkdir -p .build
report=.build/test-report.xml
log=.build/test-output.txt
rm -f "$report" "${report%.xml}"-*.xml

"$swift" build --build-tests --explicit-target-dependency-import-check error || exit

"$swift" test --disable-xctest --skip-build --xunit-output "$report" "$@" </dev/null 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

# One toolchain writes the report under the name that it was given, another beside it.
reports=()
for file in "$report" "${report%.xml}"-*.xml; do [ ! -s "$file" ] || reports+=("$file"); done

if [ ${#reports[@]} -gt 0 ]; then
    counts=$(awk '
        function close_case() {
            if (!open) return
            if (bad) failed++; else if (skip) skipped++; else passed++
            open = 0
        }
        /<testcase/ { close_case(); open = 1; bad = 0; skip = 0 }
        /<failure|<error/ { bad = 1 }
        /<skipped/ { skip = 1 }
        END { close_case(); print passed + 0, failed + 0, skipped + 0 }' "${reports[@]}")
else
    counts=$(awk '
        /^. Test [^ ].* passed after / && !/ Test run with / && !/ Test case / { passed++ }
        /^. Test [^ ].* failed after / && !/ Test run with / && !/ Test case / { failed++ }
        /^. Test [^ ].* skipped/ { skipped++ }
        END { print passed + 0, failed + 0, skipped + 0 }' "$log")
    # Whatever was running when the process died has no line of its own.
    if [ "$status" -ne 0 ]; then
        read -r passed failed skipped <<<"$counts"
        counts="$passed $((failed + 1)) $skipped"
        echo "test: the tests ended without a report (exit $status): the one that ended them counts as failed." >&2
    fi
fi
read -r passed failed skipped <<<"$counts"

if [ "$status" -eq 0 ] && [ "$failed" -gt 0 ]; then status=1; fi
if [ "$status" -eq 0 ] && [ $((passed + skipped)) -eq 0 ]; then
    echo "test: no test ran." >&2
    status=1
fi
# A failed run never ends with a line that looks like a good one.
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi

if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
exit "$status"
