# make           what can be done
# make demo      the main job, on servers of its own
# make test      all tests
#
# The first call makes a virtual environment in .venv. Nothing is installed outside this folder.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test mutants soak bench lint check freeze types sandbox sandbox-http sandbox-stop clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: .venv/.demo ## Show the booking system at work, on servers of its own
	@$(BIN)/glue demo

test: .venv/.dev ## Run all tests
	@$(BIN)/pytest -n $(or $(JOBS),2) --dist loadfile

mutants: .venv/.dev ## Break the SQL on purpose; every time a test must notice
	@$(BIN)/python tests/mutants.py

soak: .venv/.dev ## Play schedules of the outbox: make soak SOAK_SEEDS=5000, SOAK_MINUTES=30, SOAK_BOTH=1
	@$(BIN)/python tests/simulation/soak.py --first $(or $(SOAK_FIRST),1) \
	  $(if $(SOAK_BOTH),--both) $(if $(SOAK_MINUTES),--minutes $(SOAK_MINUTES),--seeds $(or $(SOAK_SEEDS),500))

bench: .venv/.bench ## Measure it beside its baselines
	@$(BIN)/python -m bench

lint: .venv/.dev ## Check the style of Python and SQL and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python db/lint.py
	$(BIN)/lint-imports

check: lint test ## Everything that must hold before a change is merged
	$(BIN)/python docs/check.py

freeze: .venv/.dev ## Copy changed SQL into the newest migration
	@$(BIN)/python db/migrations/freeze.py

types: .venv/.dev ## Write the TypeScript types of the RPCs
	@$(BIN)/python db/typescript.py

sandbox: .venv/.demo ## Start servers in the background: eval "$(make sandbox)"
	@$(BIN)/python -m sandbox up

sandbox-http: .venv/.dev ## The same behind HTTP, for examples/: eval "$(make sandbox-http)"
	@$(BIN)/python -m sandbox up --http

sandbox-stop: .venv/.demo ## Stop the servers of `make sandbox` or `sandbox-http`, with their data
	@$(BIN)/python -m sandbox down

clean: ## Delete .venv and everything else that was made here
	@test ! -x $(BIN)/python || $(BIN)/python -m sandbox down || true
	rm -rf .venv .sandbox .pytest_cache .ruff_cache .import_linter_cache *.egg-info
	rm -rf examples/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. What it says goes to standard error, so that `eval "$(make sandbox)"` works.

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed. If it has another name: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@echo "Making a virtual environment in .venv ..." >&2
	@$(PYTHON) -m venv .venv >/dev/null || { \
	  rm -rf .venv; \
	  echo "$(PYTHON) cannot make one. On Debian or Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; }

.venv/.demo: pyproject.toml | .venv/bin/pip
	@echo "Installing what the demo needs (about 150 MB) ..." >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[sandbox]' >&2
	@touch $@

.venv/.bench: pyproject.toml | .venv/bin/pip
	@echo "Installing what the benchmarks need (about 180 MB) ..." >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]' >&2
	@touch $@ .venv/.demo

.venv/.dev: pyproject.toml | .venv/bin/pip
	@echo "Installing what the tests need (about 270 MB) ..." >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' >&2
	@touch $@ .venv/.demo
