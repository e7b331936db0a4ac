#!/usr/bin/env bash
# Pins every package, for all supported versions of Python and all systems: requirements*.in -> requirements*.txt
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_CUSTOM_COMPILE_COMMAND="make lock"
[ ! -s /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}
# The order matters: the others are bound to the versions that requirements.txt chose.
for name in requirements requirements-dev requirements-tensorflow requirements-gpu; do
    .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --upgrade "$name.in" -o "$name.txt"
done
