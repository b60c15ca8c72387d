#!/bin/bash
# Builds and runs the bench; arguments go to SluiceBench (--part, --json, --runs ...).
#
#   scripts/bench.sh [ARGUMENTS]    figures, into .build/bench
#   scripts/bench.sh smoke          every part for seconds on the mock cluster, into .build/bench-smoke
#   scripts/bench.sh profile        the hot path's top twenty, into .build/bench/profile.txt
#
# With KAFKA_HOME set it measures on a real Kafka, and then beside Python consumers, whose packages it installs from
# PyPI into .build/bench-peers (SLUICE_BENCH_PYTHON=no leaves them out), and beside Kafka Connect where SLUICE_PEERS is
# set.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-$(scripts/find-swift.sh)} || exit 69

say() { echo "bench: $*" >&2; }

build() { # CONFIGURATION
    "$swift" build -c "$1" --product sluice --explicit-target-dependency-import-check error >&2
    "$swift" build -c "$1" --product SluiceBench --explicit-target-dependency-import-check error >&2
}

# The interpreter with the peers' packages, or nothing.
python_peers() {
    [ -n "${KAFKA_HOME:-}" ] && [ "${SLUICE_BENCH_PYTHON:-yes}" != no ] || return 0
    local folder=.build/bench-peers stamp=.build/bench-peers/installed
    if ! cmp -s Benchmarks/peers/requirements.txt "$stamp"; then
        say "installing the Python peers' packages into $folder (PyPI)."
        if ! python3 -m venv "$folder" >&2 ||
            ! "$folder/bin/pip" install --quiet --disable-pip-version-check \
                -r Benchmarks/peers/requirements.txt >&2; then
            say "they could not be installed (Debian: python3-venv): the Python peers are left out."
            return 0
        fi
        cp Benchmarks/peers/requirements.txt "$stamp"
    fi
    echo "$folder/bin/python"
}

# A bench that is stopped must not leave the one it started behind: it becomes it.
case ${1:-} in
smoke)
    build debug
    exec .build/debug/SluiceBench --smoke --out .build/bench-smoke "${@:2}"
    ;;
profile)
    build release
    exec scripts/bench-profile.sh
    ;;
*)
    build release
    python=$(python_peers)
    exec .build/release/SluiceBench ${python:+--python "$python"} "$@"
    ;;
esac
