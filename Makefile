# Everything works from a bare checkout: what is missing is installed into .venv first.
PYTHON_IN_VENV := .venv/bin/python
PYTEST := $(PYTHON_IN_VENV) -m pytest
# Tests run side by side; two processes suit a small machine.
WORKERS ?= 2
# More arguments for pytest or the benchmarks: make test ARGS="-k upload"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu setup-dev run test test-slow test-tensorflow lint format bench lock clean

help: ## Shows this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

setup: ## Makes .venv with what the application needs
	@scripts/setup.sh requirements.txt

setup-gpu: setup ## Lets networks run on an NVIDIA GPU (2 GB); see docs/deployment.md
	@scripts/use_gpu.sh

setup-dev: ## Makes .venv with what the tests and checks need too
	@scripts/setup.sh requirements-dev.txt

run: setup ## Starts web page, worker and scheduler; Ctrl-C stops all of it
	@exec $(PYTHON_IN_VENV) run.py

test: setup-dev ## Runs the tests, but for the slow ones
	@scripts/system_packages.sh
	$(PYTEST) -m "not slow" -n $(WORKERS) --dist loadgroup $(ARGS)

test-slow: setup-dev ## Runs the slow tests (minutes each)
	@scripts/system_packages.sh
	$(PYTEST) -m slow $(ARGS)

test-tensorflow: ## Tests DeepFace's TensorFlow engine, in an environment of its own
	@VENV=.venv-tensorflow scripts/setup.sh requirements-tensorflow.txt
	@.venv-tensorflow/bin/python -m pip install --quiet -c requirements-dev.txt pytest pytest-timeout scikit-image dlib-bin
	.venv-tensorflow/bin/python -m pytest --noconftest -p no:cacheprovider tests/tensorflow $(ARGS)

lint: setup-dev ## Checks style, types and the layers; all of them, even when one finds something
	@status=0; \
	$(PYTHON_IN_VENV) -m ruff check . || status=1; \
	$(PYTHON_IN_VENV) -m ruff format --check . || status=1; \
	$(PYTHON_IN_VENV) -m mypy || status=1; \
	$(PYTEST) -q tests/architecture/test_layers.py || status=1; \
	exit $$status

format: setup-dev ## Brings the code into the agreed form
	$(PYTHON_IN_VENV) -m ruff check --fix .
	$(PYTHON_IN_VENV) -m ruff format .

bench: setup-dev ## Measures where the time goes
	@exec $(PYTHON_IN_VENV) -m benchmarks $(ARGS)

lock: setup-dev ## Pins the newest versions that fit requirements*.in
	@scripts/lock.sh

clean: ## Removes .venv and caches; videos, faces and the database stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist ./*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
