# Two commands for people: `make run` and `make test`. They need Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Not here: boxes wants IFC files, resolve loads ten million things for hours.
BENCHES ?= intake graph ingest push query registration
# Each has servers of its own; which tests go together: tests/parts/workers.py. 0: one process.
TEST_WORKERS ?= 2
READY := $(VENV)/.ready
PAGE := viewer/dist/index.html
PAGE_SOURCES := $(shell find viewer/web/src viewer/web/index.html viewer/web/package-lock.json viewer/web/vite.config.ts -type f 2>/dev/null)

.PHONY: run test check test-long bench setup page lock clean help

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

run: setup page ## set up, then the demo district on http://127.0.0.1:8000
	@$(BIN)/twin demo

test: setup page ## set up, then all tests that are not counted in hundreds
	@$(BIN)/pytest -m "not long" -n $(TEST_WORKERS) --no-loadscope-reorder

test-long: setup page ## what is counted in hundreds or more
	@$(BIN)/pytest -m "long" --timeout 5400

check: setup page ## format, lint, types, layers, sizes, the viewer's checks
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/test_shape.py tests/test_gates.py tests/test_repository.py
	@.ci/npm run check

bench: setup ## the measured claims; BENCHES="ingest push" runs these alone
	@for name in $(BENCHES); do $(BIN)/python -m bench $$name || exit 1; done

setup: $(READY)
page: $(PAGE)

$(READY): requirements.lock pyproject.toml .ci/uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed; set PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .ci/uv.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)

$(PAGE): $(PAGE_SOURCES) | $(READY)
	@.ci/npm ci --no-audit --no-fund --loglevel=error
	@.ci/npm run build

lock: setup ## write requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.lock

clean: ## remove everything that was made
	rm -rf $(VENV) .venv-node .cache data viewer/dist viewer/web/node_modules
