#!/bin/sh
# Makes sure that the browser tests have Chromium and a Korean font: installs Debian's packages when root, and says what is
# missing otherwise. Nothing is installed that is already there; MADANG_TEST_CHROMIUM names a browser in an unusual place.
set -eu

have_chromium() {
    [ -x "${MADANG_TEST_CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        command -v google-chrome >/dev/null
}

have_korean() {
    command -v fc-list >/dev/null && [ -n "$(fc-list :lang=ko family)" ]
}

packages=""
have_chromium || packages="chromium"
have_korean || packages="${packages:+$packages }fontconfig fonts-noto-cjk"
[ -n "$packages" ] || exit 0

# shellcheck disable=SC2086 # a list of words on purpose
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing for the browser tests: $packages"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >"$log" 2>&1 || {
        cat "$log" >&2
        rm -f "$log"
        exit 1
    }
    rm -f "$log"
fi

if ! have_chromium || ! have_korean; then
    cat >&2 <<END

The browser tests need Chromium and a font with Korean letters. Missing here: $packages
On Debian: sudo apt-get install --no-install-recommends $packages
Elsewhere: install them in your system's way; MADANG_TEST_CHROMIUM=/path/to/chromium names a browser off the PATH.

END
    exit 1
fi
