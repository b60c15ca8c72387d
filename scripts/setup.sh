#!/bin/bash
# Makes sure that what Sluice needs is on this machine, and installs with apt what is missing.
#
#   scripts/setup.sh demo     what `make demo` needs
#   scripts/setup.sh test     that, and what the tests use
#
# Installs nothing that is there, may be run any number of times, and says what it does. Debian and Ubuntu; elsewhere
# it only checks. Exits 69 when something is missing that it cannot install, 64 when it was called wrongly.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-test}
case $purpose in
demo | test) ;;
*)
    echo "usage: scripts/setup.sh [demo|test]" >&2
    exit 64
    ;;
esac

say() { echo "setup: $*"; }
fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 69
}

swift=$(scripts/find-swift.sh)

# --- What is missing? Asked for by what it is used for, so that another origin than apt is as good.

has_postgres() {
    local directory
    for directory in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /usr/pgsql-*/bin; do
        [ -x "$directory/postgres" ] && [ -x "$directory/initdb" ] && return 0
    done
    command -v postgres >/dev/null && command -v initdb >/dev/null
}

missing=()
command -v make >/dev/null || missing+=(make)
command -v pkg-config >/dev/null || missing+=(pkg-config)
if ! command -v pkg-config >/dev/null || ! pkg-config --exists libpq; then missing+=(libpq-dev); fi
if ! command -v pkg-config >/dev/null || ! pkg-config --exists rdkafka; then missing+=(librdkafka-dev); fi
[ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || missing+=(ca-certificates)
has_postgres || missing+=(postgresql)

# promtool and a Prometheus judge our metrics in the tests. Debian's package would run one on this machine as a service,
# so only its programs are taken out of it, into .build/tools. Python's client has the two other judges.
tools=.build/tools
needs_prometheus=no
needs_client=no
if [ "$purpose" = test ]; then
    for program in promtool prometheus; do
        command -v $program >/dev/null || [ -x "$tools/$program" ] || needs_prometheus=yes
    done
    cmp -s scripts/judges.txt "$tools/judges/installed" || needs_client=yes
fi

# A browser, for the operator's page; and the requests that gunicorn tests its parser with, for ours.
needs_chromium=no
needs_requests=no
requests=.build/corpora/gunicorn
if [ "$purpose" = test ]; then
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || needs_chromium=yes
    [ -d "$requests" ] || [ -d "${SLUICE_CORPORA:-/nowhere}/gunicorn" ] || needs_requests=yes
fi

if [ ${#missing[@]} -eq 0 ] && [[ $needs_prometheus$needs_client$needs_chromium$needs_requests != *yes* ]]; then
    say "everything is there ($swift)."
    exit 0
fi

# --- May we install?

if [ ${#missing[@]} -gt 0 ]; then say "missing: ${missing[*]}."; fi
command -v apt-get >/dev/null || [ ${#missing[@]} -eq 0 ] ||
    fail "this is no Debian or Ubuntu: install by hand what these packages hold:" \
    "  ${missing[*]} $([ $needs_prometheus = no ] || echo prometheus)"

as_root=()
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" -ne 0 ]; then
    remedy="run this as root, then try again: apt-get install --no-install-recommends ${missing[*]}"
    command -v sudo >/dev/null || fail "installing needs root, and there is no sudo here." "$remedy"
    if ! sudo -n true 2>/dev/null; then
        [ -t 0 ] || fail "installing needs root, and nobody is there to type sudo's password." "$remedy"
        say "installing needs root: sudo asks for your password."
        sudo -v || fail "sudo refused." "$remedy"
    fi
    as_root=(sudo)
fi

apt() { # Waits for another apt to finish, asks nothing.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

knows() { # Whether the package lists know all of "$@".
    local package policy
    for package; do
        # Not through a pipe: grep -q would end it early, which pipefail takes for a failure.
        policy=$(apt-cache policy "$package" 2>/dev/null) || return 1
        [[ $policy =~ Candidate:\ [^\(] ]] || return 1
    done
}

updated=no
update() {
    [ $updated = no ] || return 0
    say "reading the package lists (apt-get update)."
    apt update >&2 || fail "apt-get update failed; see above. Is the network there?"
    updated=yes
}

install() {
    local flags=(install --yes --no-install-recommends "$@")
    knows "$@" || update
    say "installing $* (apt-get)."
    # Old lists name versions that are gone: read them anew once.
    apt "${flags[@]}" >&2 || { update && apt "${flags[@]}" >&2; } || fail "apt-get could not install $*; see above."
}

# --- Install.

settings=/etc/postgresql-common/createcluster.conf
restore_settings() {
    [ ! -e "$settings.sluice" ] || "${as_root[@]}" mv -f "$settings.sluice" "$settings"
}

# The server package would make and start a cluster for the whole machine, which nobody here asked for: Sluice starts
# its own in a temporary folder. Debian's switch for that lies in a file that is there once postgresql-common is.
install_postgres() {
    install postgresql-common
    trap restore_settings EXIT
    if [ -e "$settings" ]; then
        "${as_root[@]}" cp -p "$settings" "$settings.sluice"
        "${as_root[@]}" sed -i 's/^#* *create_main_cluster *=.*/create_main_cluster = false/' "$settings"
    fi
    install postgresql
    restore_settings
    trap - EXIT
}

others=()
for package in "${missing[@]}"; do [ "$package" = postgresql ] || others+=("$package"); done
if [ ${#others[@]} -gt 0 ]; then install "${others[@]}"; fi
has_postgres || install_postgres

if [ $needs_prometheus = yes ]; then
    say "fetching promtool and prometheus into $tools (out of Debian's package; nothing is installed)."
    mkdir -p "$tools"
    unpacked=$(mktemp -d)
    trap 'rm -rf "$unpacked"' EXIT
    chmod 755 "$unpacked"
    if { knows prometheus || { [ "$(id -u)" -eq 0 ] && apt update >&2 && knows prometheus; }; } &&
        (cd "$unpacked" && apt-get -q download prometheus >/dev/null 2>&1) &&
        dpkg-deb --fsys-tarfile "$unpacked"/prometheus_*.deb |
        tar -x -C "$unpacked" ./usr/bin/promtool ./usr/bin/prometheus; then
        mv "$unpacked/usr/bin/promtool" "$unpacked/usr/bin/prometheus" "$tools/"
    else
        say "they could not be fetched: the tests that need them will be skipped."
    fi
fi

if [ $needs_client = yes ]; then
    say "installing Python's prometheus_client into $tools/judges (PyPI)."
    mkdir -p "$tools"
    if command -v python3 >/dev/null && python3 -m venv "$tools/judges" >&2 &&
        "$tools/judges/bin/pip" install --quiet --disable-pip-version-check -r scripts/judges.txt >&2; then
        cp scripts/judges.txt "$tools/judges/installed"
    else
        say "it could not be installed (Debian: python3-venv): the tests that need it will be skipped."
    fi
fi

# What only some tests use is never a reason to fail: they are skipped with a reason.
if [ $needs_chromium = yes ]; then
    if [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; then
        [ "$(id -u)" -eq 0 ] || as_root=(sudo)
        knows chromium || apt update >&2 || true
        say "installing chromium (apt-get), for the tests of the operator's page."
        { knows chromium && apt install --yes --no-install-recommends chromium >&2; } ||
            say "chromium could not be installed: the tests that need it will be skipped."
    else
        say "no Chromium is here, and installing one needs root: the tests that need it will be skipped."
    fi
fi

if [ $needs_requests = yes ]; then
    say "fetching gunicorn's source package into $requests, for the requests that it tests with; nothing is installed."
    unpacked_requests=$(mktemp -d)
    if command -v python3 >/dev/null &&
        timeout 120 python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
            --dest "$unpacked_requests" 'gunicorn==27.0.1' >/dev/null 2>&1 &&
        tar -x -f "$unpacked_requests"/gunicorn-*.tar.gz -C "$unpacked_requests" --strip-components 1; then
        mkdir -p "$(dirname "$requests")"
        mv "$unpacked_requests/tests/requests" "$requests"
    else
        say "it could not be fetched: the tests that need it will be skipped."
    fi
    rm -rf "$unpacked_requests"
fi

pkg-config --exists libpq rdkafka || fail "libpq and librdkafka are still not found by pkg-config."
has_postgres || fail "PostgreSQL's server programs are still not there."
say "done."
