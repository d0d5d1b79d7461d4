#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the packages of packages.txt that are missing, and only those: tools/install-packages.sh [SECTION...]
# The lines before the first [section] always count; a section's lines count when it is named.
# Silent and without touching the network when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

if ! command -v dpkg-query >/dev/null; then
    echo "not a Debian system: nothing installed, packages.txt says what is needed" >&2
    exit 0
fi

wanted() {
    sed 's/#.*//' packages.txt | awk -v sections=" $* " '
        /^\[/ { gsub(/[][ \t]/, ""); skip = index(sections, " " $0 " ") == 0; next }
        NF && !skip { print $1 }'
}

missing=
for package in $(wanted "$@"); do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
    installed) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "missing packages:$missing" >&2
    echo "as root, then try again:" >&2
    echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
echo "installing:$missing"
# shellcheck disable=SC2086 # one word a package
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $missing; } \
    >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "apt-get could not install:$missing" >&2
    exit 1
fi
