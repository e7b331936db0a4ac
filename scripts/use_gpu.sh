#!/usr/bin/env bash
# Puts onnxruntime-gpu into .venv in the place of onnxruntime. Both own one folder, and pip and uv install one over the
# other without a word, so the one is taken out first. scripts/setup.sh calls this again after it has installed anything.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
export PIP_DISABLE_PIP_VERSION_CHECK=1

# The mark by which scripts/setup.sh knows; `make clean` removes it with everything else.
touch "$venv/.gpu"
echo "Putting onnxruntime-gpu in the place of onnxruntime (2 GB) ..."
"$venv/bin/python" -m pip uninstall --quiet --yes onnxruntime onnxruntime-gpu
if ! "$venv/bin/python" -m pip install --quiet -r requirements-gpu.txt; then
    rm "$venv/.gpu"
    "$venv/bin/python" -m pip install --quiet "$(sed -n '/^onnxruntime==/{s/ .*//;p;q}' requirements.txt)"
    echo "onnxruntime-gpu could not be installed; onnxruntime is back." >&2
    exit 1
fi
