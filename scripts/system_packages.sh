#!/usr/bin/env bash
# Sees to the programs that the tests drive: a browser, Redis, Node.js, fonts, a clock that jumps. As root it installs
# what is missing; otherwise it says what to install, and the tests that need it fail.
set -uo pipefail

has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
missing=()
has_browser >/dev/null || missing+=(chromium)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
[ -n "$(find /usr/lib -name libfaketime.so.1 -print -quit 2>/dev/null)" ] || missing+=(faketime)
[ -n "$(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null)" ] || missing+=(fonts-dejavu-core)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing for the tests: ${missing[*]} ..."
    # The index may be old or empty; if it cannot be renewed, what is there is tried.
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null && exit 0
    echo "apt-get could not install all of: ${missing[*]}. Its message is above; the tests that need them will fail." >&2
else
    echo "Missing for the tests: ${missing[*]}. The tests that need them will fail." >&2
    echo "To install them: sudo apt-get install ${missing[*]}" >&2
fi
