#!/usr/bin/env bash
# Makes .venv and installs pinned packages into it: scripts/setup.sh [requirements.txt | requirements-dev.txt | ...]
# Another environment than .venv: VENV=.venv-tensorflow scripts/setup.sh requirements-tensorflow.txt
# Needs Python 3.11 or newer and nothing else. Does nothing when what was asked for is installed already.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=${1:-requirements.txt}
uv_version=0.13.9
venv=${VENV:-.venv}
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }
recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
        if command -v "$candidate" >/dev/null && recent "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is missing. On Debian 12, Ubuntu 24.04 or newer: sudo apt-get install python3 python3-venv
Where another one is installed, name it: make setup PYTHON=/path/to/python3.12"
}

# Debian keeps venv's pip apart from Python, in python3-venv.
get_ensurepip() {
    local python=$1 package
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "Python's venv module is incomplete here. Install it, then try again: sudo apt-get install $package"
    fi
    say "Installing $package ..."
    # The index may be old or empty; if it cannot be renewed, what is there is tried.
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" >/dev/null \
        || fail "apt-get could not install $package; its message is above."
}

make_venv() {
    local python
    recent "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
    python=$(find_python)
    get_ensurepip "$python"
    say "Making $venv with $("$python" -V) ..."
    "$python" -m venv --clear "$venv"
}

# uv is many times faster than pip, but reads none of pip's settings: hand over the index and the certificates.
configure_uv() {
    local settings index certificates
    settings=$("$venv/bin/python" -m pip config list 2>/dev/null || true)
    index=$(sed -n "s/^.*\.index-url='\(.*\)'\$/\1/p" <<<"$settings" | tail -n 1)
    certificates=$(sed -n "s/^.*\.cert='\(.*\)'\$/\1/p" <<<"$settings" | tail -n 1)
    [ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
    [ -z "$certificates" ] || export SSL_CERT_FILE=${SSL_CERT_FILE:-$certificates}
    [ ! -s /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}
    export VIRTUAL_ENV=$PWD/$venv UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT=120 UV_LINK_MODE=${UV_LINK_MODE:-copy}
}

install() {
    "$venv/bin/python" -m uv pip install --quiet "$@" && return
    say "uv could not do it; trying again with pip, which takes a few minutes ..."
    "$venv/bin/python" -m pip install --quiet "$@"
}

stamp=$venv/.installed-${requirements%.txt}
torch=""
[ "$requirements" != requirements-dev.txt ] || torch=requirements-torch.txt
wanted=$(cat "$requirements" $torch pyproject.toml scripts/setup.sh | sha256sum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && recent "$venv/bin/python"; then
    exit 0
fi

begun=$SECONDS
make_venv
say "Installing the packages of $requirements ..."
"$venv/bin/python" -m pip install --quiet "uv==$uv_version" || say "uv cannot be had here."
configure_uv
install -r "$requirements"
[ -z "$torch" ] || "$venv/bin/python" -m pip install --quiet -r "$torch"
install --no-deps --editable .
# onnxruntime came back with the rest, where a GPU was set up before.
[ ! -f "$venv/.gpu" ] || VENV=$venv scripts/use_gpu.sh
printf '%s' "$wanted" >"$stamp"
say "Set up in $((SECONDS - begun)) s."
