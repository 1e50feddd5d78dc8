# Every target sets up what it needs: a virtual environment from a bare Python 3.11, pinned by constraints.txt.
PY ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
UVPIP := $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt
LINKS := $(or $(PIP_FIND_LINKS),$(shell $(PY) -m pip config get global.find-links 2>/dev/null))
ifneq ($(strip $(LINKS)),)
export UV_FIND_LINKS ?= $(LINKS)
else
export UV_TORCH_BACKEND ?= cpu
endif
export UV_PYTHON_DOWNLOADS = never
export OMP_WAIT_POLICY ?= PASSIVE
LOCK := env -u UV_FIND_LINKS -u PIP_FIND_LINKS -u UV_TORCH_BACKEND $(BIN)/uv pip compile -q --universal --python $(BIN)/python --no-emit-index-url --no-emit-find-links --no-header --no-annotate
CUTOFF ?= $(shell $(PY) -c 'from datetime import datetime as d, timedelta as t, timezone as z; print((d.now(z.utc) - t(14)).strftime("%Y-%m-%dT00:00:00Z"))')
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test slow check lint types contracts docs bench bench-peers long recorded lock lock-upgrade clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(BIN)/uv:
	@$(PY) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "edgeworth needs Python 3.11 or newer; set PY=/path/to/python3.11")'
	$(PY) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'uv>=0.13,<0.14'

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/uv
	$(UVPIP) --compile-bytecode -e . && $(BIN)/python -m compileall -q src && touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/uv
	$(UVPIP) --compile-bytecode -e '.[dev]' && $(BIN)/python -m compileall -q src && touch $@

extra-%: | $(BIN)/uv
	$(UVPIP) -e '.[$*]'

demo: $(VENV)/.core ## simulate a venue, collect from it, backtest every strategy, write the report
	@$(BIN)/edgeworth demo

test: $(VENV)/.dev ## the default test suite
	$(BIN)/python -m pytest -q -n $(WORKERS) -m 'not slow'

slow: $(VENV)/.dev ## the long tests
	$(BIN)/python -m pytest -q -n $(WORKERS) -m slow

check: lint types contracts docs ## lint, format, types, architecture, documents

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	! grep -nE '://|^-|/|@' constraints.txt

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.dev ## build the documents (their code blocks run with the tests)
	$(BIN)/zensical build --clean

bench: $(VENV)/.dev ## measure beside peers, print JSON lines and a table of ratios against the goals
	@$(BIN)/python -m benchmarks.run

PEERS ?= $(shell $(PY) -c 'import tempfile; print(tempfile.gettempdir())')/edgeworth-bench-peers
PY312 ?= $(shell ls -d $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.12*/bin/python 2>/dev/null | tail -1)
bench-peers: $(VENV)/.dev ## benchmarks with nautilus_trader, orjson, pandas and xgboost, installed outside the repository
	@python="$(PY312)"; test -n "$$python" || python="$$(command -v python3.12)"; \
	  test -n "$$python" || { echo 'bench-peers needs Python 3.12 (set PY312) for nautilus_trader 1.231' >&2; exit 2; }; \
	  test -x $(PEERS)/bin/python || "$$python" -m venv $(PEERS)
	@$(PEERS)/bin/python -c 'import nautilus_trader, py_clob_client_v2' 2>/dev/null || \
	  $(PEERS)/bin/pip install -q 'nautilus_trader[polymarket]==1.231.0'
	@$(PEERS)/bin/python -c 'import orjson, pandas, sklearn, xgboost' 2>/dev/null || $(PEERS)/bin/pip install -q orjson pandas scikit-learn xgboost
	@EDGEWORTH_PEER_PYTHON=$(PEERS)/bin/python $(BIN)/python -m benchmarks.run backtest features ingest stream live

long: $(VENV)/.dev ## everything, with many more examples
	EDGEWORTH_TEST_KILLS=1000 EDGEWORTH_TEST_BOT_KILLS=500 EDGEWORTH_TEST_SEEDS=200000 EDGEWORTH_TEST_ORDERS=1000000 EDGEWORTH_TEST_HOSTILE=100000 HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -q -n $(WORKERS)

recorded: $(VENV)/.core ## import a folder of recorded data: make recorded RECORDED=DIR EDGEWORTH_HOME=DIR
	@test -n "$(RECORDED)" || { echo 'usage: make recorded RECORDED=DIR [EDGEWORTH_HOME=DIR]' >&2; exit 2; }
	@$(if $(EDGEWORTH_HOME),EDGEWORTH_HOME='$(EDGEWORTH_HOME)') $(BIN)/edgeworth data import --recorded '$(RECORDED)' --json

lock: | $(BIN)/uv ## make constraints.txt and requirements.lock from pyproject.toml
	$(LOCK) --all-extras --exclude-newer $(CUTOFF) pyproject.toml -o constraints.txt
	$(LOCK) --generate-hashes -c constraints.txt --exclude-newer $(CUTOFF) pyproject.toml -o requirements.lock

lock-upgrade: | $(BIN)/uv
	$(LOCK) --upgrade --all-extras --exclude-newer $(CUTOFF) pyproject.toml -o constraints.txt
	$(LOCK) --upgrade --generate-hashes -c constraints.txt --exclude-newer $(CUTOFF) pyproject.toml -o requirements.lock

clean: ## remove what the targets made
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
