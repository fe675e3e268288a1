#!/bin/sh
# Sees to a chromium for the browser tests. Root on Debian gets one; elsewhere the tests say that they were skipped.
set -eu

present() {
    [ -n "${CHROMIUM:-}" ] && return
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return
    done
    return 1
}

install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "chromium: installing it with apt-get for the browser tests"
    timeout 60 apt-get -qq update >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive timeout 300 \
        apt-get -qq install -y --no-install-recommends chromium >/dev/null 2>&1
}

present || install || echo "chromium: there is none, so THE BROWSER TESTS WILL BE SKIPPED;" \
    "install it (Debian: apt-get install chromium) or name it in CHROMIUM" >&2
