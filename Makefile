# Two commands matter: `make demo` and `make test`. Each sets up all that it needs; a second run is fast.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.freshet-installed
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test unit parts matrix cluster e2e check ui format bench lock setup clean

help: ## Say what can be done
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## Make the virtual environment

# Kubernetes and the lineage page are built meanwhile (whoever needs it first shows how far it is); a failure is told then, so it is silent here.
# Bytecode is compiled here, since a pod's root is read-only.
$(STAMP): requirements-dev.lock requirements-uv.lock pyproject.toml
	@(PYTHONPATH=operator $(PYTHON) -m freshet.local.build >/dev/null 2>&1 </dev/null &)
	@(PYTHONPATH=operator $(PYTHON) -m freshet.local.build_ui >/dev/null 2>&1 </dev/null &)
	@echo "· Set-up 1/3: a virtual environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing: apt-get install python3-venv, then make again"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@echo "· Set-up 2/3: $$(grep -c '==' requirements-dev.lock) Python packages (once; about a minute)"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements-dev.lock requirements-uv.lock
	@echo "· Set-up 3/3: freshet itself"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(BIN)/python -m compileall -q operator/freshet && touch $@

demo: $(STAMP) ## Run the kaizen-wars example here and watch it become fresh (ONCE=1: end by itself; WAREHOUSE=databricks)
	@$(BIN)/freshet local demo $(if $(ONCE),--once) $(if $(WAREHOUSE),--warehouse=$(WAREHOUSE))

test: check unit parts cluster e2e ## Everything that must hold

# Tests that wait do so side by side; a file's tests stay together, since they share what they started.
BESIDE = --dist loadfile --no-loadscope-reorder -n

unit: $(STAMP) ## Pure tests, in seconds
	$(BIN)/pytest -q -n 2 tests/unit

parts: $(STAMP) ## One part at a time for real: loads into DuckDB, dbt, processes, sockets
	$(BIN)/pytest -q $(BESIDE) 2 tests/parts

matrix: $(STAMP) ## Break every step of a load in every way, print the rows expected and found (part of it is in `make parts`)
	FRESHET_FULL_MATRIX=1 $(BIN)/pytest -q -n 2 -rP --show-capture=stdout tests/parts/workloads/test_databricks_faults.py \
	  tests/parts/workloads/test_databricks_kills.py tests/parts/workloads/test_databricks_two_pods.py \
	  tests/parts/workloads/test_duckdb_faults.py -k 'exact or killed'

cluster: $(STAMP) ## Tests against a real API server
	$(BIN)/pytest -q $(BESIDE) 3 tests/cluster

e2e: $(STAMP) ## The whole demo
	$(BIN)/pytest -q $(BESIDE) 2 tests/e2e

check: $(STAMP) ## Lint, types, layers
	$(BIN)/ruff check operator tests data crds manifests
	$(BIN)/ruff format --check operator tests data crds manifests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/freshet local ui --check

ui: $(STAMP) ## Build the lineage page into the package, for `freshet operator`
	$(BIN)/freshet local ui --install

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix operator tests data crds manifests
	$(BIN)/ruff format operator tests data crds manifests

BENCHES ?= propagation scale graph storm memory ingest freshness dbt_cloud dbt_manifest dbt_kills
BENCH_SECONDS ?= 1800
bench: $(STAMP) ## Print all figures, each script within half an hour (BENCHES="scale freshness": only these)
	@failed=; for bench in $(BENCHES); do echo "== $$bench"; \
	  PYTHONPATH=. timeout --signal=INT --kill-after=60 $(BENCH_SECONDS) $(BIN)/python tests/bench/$$bench.py || failed="$$failed $$bench"; \
	done; test -z "$$failed" || { echo "These did not end well within $(BENCH_SECONDS) s:$$failed"; exit 1; }

lock: $(STAMP) ## Resolve the lock files anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --no-emit-find-links pyproject.toml --extra dev --extra local -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --no-emit-find-links pyproject.toml -c requirements-dev.lock -o requirements.lock
	echo uv | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --no-emit-find-links - -o requirements-uv.lock

clean: ## Remove what was made here (not the cache)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
