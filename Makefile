# Madang's front door. `make` prints what there is. Everything works on a fresh clone with Python >= 3.11 and make alone:
# what a target needs it makes first, and remembers (a second `make run` starts at once).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

BIN := .venv/bin
PY := $(BIN)/python
RUN_LOCKS := requirements/runtime.txt requirements/build.txt
DEV_LOCK := requirements/dev.txt
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --exclude-newer "7 days" \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
# Node's own tools call `node` by name; the one of the virtual environment is the one that is locked.
NODE_PATH_FIRST := PATH="$(CURDIR)/$(BIN):$$PATH"
# How many times longer than in `make test` the scenarios of `make faults` run.
SCALE := 10
NPM := $(NODE_PATH_FIRST) npm

.PHONY: help setup run test test-python test-web check bench bench-scale faults mutants fmt types web wheel lock clean

help: ## print this list
	@echo "Madang. The two to begin with: make run, make test."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make run ARGS=\"--port 9000\" hands options to madang serve; make test ARGS=\"-k typing\" to pytest;"
	@echo "  make run PYTHON=python3.13 names the Python to use."

# ---------------------------------------------------------------------------------------------- for everybody

setup: .venv/.dev node_modules/.package-lock.json web browser ## make all the other targets need: .venv, node_modules, the page, Chromium

run: .venv/.run web ## start Madang on SQLite in ./data and print its address
	@exec $(BIN)/madang serve --data data $(ARGS)

test: test-python test-web ## run every test: Python in parallel, then what measures alone, then the browser's code

check: .venv/.dev node_modules/.package-lock.json ## what a change must pass besides tests: ruff, mypy, layers, Biome, tsc, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(NPM) run --silent check
	$(PY) -m madang.contract.export --check
	$(PY) scripts/reference_pages.py --check

bench: .venv/.dev ## measure against python-socketio on this machine and print the ratios
	$(PY) -m bench $(ARGS)

bench-scale: .venv/.dev ## show that lists and history cost the same at three million messages, on SQLite and PostgreSQL
	$(PY) -m bench --only scale $(ARGS)

faults: .venv/.dev ## kill, cut and starve servers for an hour or more and print what was lost: nothing
	MADANG_TEST_SCALE=$(SCALE) $(PY) -m pytest -o faulthandler_timeout=3600 tests/faults \
		tests/conformance/test_histories.py $(ARGS)

mutants: .venv/.dev node_modules/.package-lock.json ## break the code in every known way and see that the tests notice
	$(PY) -m tests.faults.mutation $(ARGS)

# ---------------------------------------------------------------------------------------------- for who changes it

fmt: .venv/.dev node_modules/.package-lock.json ## format and fix what can be fixed: Python, TypeScript, CSS
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) run --silent fix

types: .venv/.dev ## write the generated files: TypeScript types, AsyncAPI, the reference pages, the table of sizes
	$(PY) -m madang.contract.export
	$(PY) scripts/reference_pages.py
	$(PY) -m bench.capacity --write

web: .venv/.run ## build the web client, if it is missing or older than its sources
	@$(PY) hatch_build.py

wheel: .venv/.run web ## build the sdist and, from it, the wheel into dist/
	rm -rf dist
	$(PY) -m hatchling build --target sdist --directory dist
	$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist dist/*.tar.gz

lock: .venv/.dev ## refresh the Python locks to versions at least a week old
	$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(LOCK) --group pyproject.toml:build --constraint requirements/runtime.txt --output-file requirements/build.txt
	$(LOCK) pyproject.toml --extra postgres --extra redis --group pyproject.toml:dev --constraint requirements/runtime.txt \
		--constraint requirements/build.txt --output-file $(DEV_LOCK)
	$(LOCK) pyproject.toml --extra postgres --extra redis --constraint $(DEV_LOCK) --output-file requirements/server.txt

clean: ## remove all that was built or installed here; ./data stays
	rm -rf .venv node_modules packages/*/node_modules web/node_modules packages/*/dist dist build src/madang/web
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis test-results
	find src tests bench scripts -name __pycache__ -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------------- the parts

.PHONY: browser
browser:
	@scripts/browser.sh

test-python: .venv/.dev web browser ## only the Python tests
	$(PY) -m pytest -n 2 --dist loadfile -m "not serial" $(ARGS)
	$(PY) -m pytest -m serial $(ARGS)

test-web: node_modules/.package-lock.json ## only the tests of the browser's code
	$(NPM) test

# The stamps carry the time of the last success; a lock that changed makes them stale. The environment for development has
# everything that running takes, so it counts as both.
.venv/.run: $(RUN_LOCKS) pyproject.toml scripts/environment.sh
	@scripts/environment.sh $(RUN_LOCKS)
	@touch $@

.venv/.dev: $(DEV_LOCK) pyproject.toml scripts/environment.sh
	@scripts/environment.sh $(DEV_LOCK)
	@touch .venv/.run $@

node_modules/.package-lock.json: package-lock.json | .venv/.run
	$(NPM) ci
	@touch $@
