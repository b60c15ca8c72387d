#!/bin/sh
# Prints the path of a Swift that can build Sluice, or says what to do and exits 69.
# Looks where SWIFT points, then in PATH, then where toolchains are usually unpacked.
set -eu

# Package.swift says `swift-tools-version: 6.2`.
least_major=6
least_minor=2

version_of() {
    # "Swift version 6.3.1 (swift-6.3.1-RELEASE)" gives "6.3"; something that is no Swift gives nothing.
    "$1" --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1
}

new_enough() {
    major=${1%%.*}
    minor=${1#*.}
    [ "$major" -gt "$least_major" ] || { [ "$major" -eq "$least_major" ] && [ "$minor" -ge "$least_minor" ]; }
}

seen=
broken=
for candidate in "${SWIFT:-}" "$(command -v swift 2>/dev/null || true)" /opt/swift/usr/bin/swift /opt/swift/bin/swift \
    "${SWIFTLY_BIN_DIR:-${HOME:-/root}/.local/share/swiftly/bin}/swift" "${HOME:-/root}/swift/usr/bin/swift" \
    /usr/local/swift/usr/bin/swift /usr/share/swift/usr/bin/swift /opt/swift-*/usr/bin/swift /usr/bin/swift; do
    [ -n "$candidate" ] && [ -x "$candidate" ] || continue
    version=$(version_of "$candidate")
    if [ -z "$version" ]; then
        # There, but it does not run: say why, because this is mended in another way. Usually libraries are missing.
        broken="$candidate: $("$candidate" --version 2>&1 | head -n 1)"
        continue
    fi
    if new_enough "$version"; then
        echo "$candidate"
        exit 0
    fi
    seen="$seen $candidate ($version)"
done

{
    if [ -n "$broken" ]; then
        echo "setup: a Swift is there but does not run: $broken"
        echo "setup: its own prerequisites are missing; https://www.swift.org/install/linux/tarball/ lists them."
        exit 69
    fi
    if [ -n "$seen" ]; then
        echo "setup: Swift $least_major.$least_minor or newer is needed; found only:$seen."
    else
        echo "setup: Swift $least_major.$least_minor or newer is needed, and none was found."
    fi
    echo "setup: install a toolchain from https://www.swift.org/install/linux/ and put its usr/bin in PATH,"
    echo "setup: or name it: make SWIFT=/path/to/usr/bin/swift ..."
} >&2
exit 69
