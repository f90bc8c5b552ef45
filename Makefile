# Two commands matter: `make demo` and `make test`. Both need Python 3.10 or newer, git and make, nothing else.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2

BIN := $(VENV)/bin
STAMP := $(VENV)/.up-to-date

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs browser fuzz screened mutants leakbench corpus repairs fleetbench bench clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile

demo: $(STAMP) ## Find the reference leak, repair it, and watch the memory of both
	@$(BIN)/leaklint demo

test: lint ## Check style, types and layers, then run all tests with coverage
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --cov --cov-report term

lint: $(STAMP) ## Check style, types and layers, and leaklint by itself
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/leaklint check src

format: $(STAMP) ## Put the code into its format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(STAMP) ## Write the pages and tables anew that are made from the code
	$(BIN)/python -m docs.generate

# Where none can be had, the test of the page says so and is left out.
browser: ## Install the browser that the fleet's page is tested in, where Debian's packages can be installed
	@command -v chromedriver >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || { \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; } || true

fuzz: $(STAMP) ## Check and repair 100,000 programs that nobody wrote: hours; FUZZ="--minutes 10" takes less
	$(BIN)/python -m tests.fuzz $(FUZZ)

screened: $(STAMP) ## Analyze what the screens turn away, in all the code that is here: hours; SCREENED="--files 2000"
	$(BIN)/python -m benchmarks.screened $(SCREENED)

mutants: $(STAMP) ## Break the analysis in small ways and see whether the tests notice: hours; MUTANTS="src/leaklint/keys.py"
	$(BIN)/python -m benchmarks.mutants --record $(MUTANTS)

leakbench: $(STAMP) ## Look for 22 real leaks in released packages
	$(BIN)/python -m benchmarks.leakbench

corpus: $(STAMP) ## Check 24 released packages, 6 million lines, and compare with what readers said: hours
	$(BIN)/python -m benchmarks.corpus --jobs $(JOBS) $(PACKAGES)

repairs: $(STAMP) ## Repair what LKL101 to LKL104 find in released packages and count: minutes
	$(BIN)/python -m benchmarks.repairs --jobs $(JOBS)

fleetbench: $(STAMP) ## Measure 100 repositories made from released packages, with two workers and with one
	$(BIN)/python -m benchmarks.fleet

bench: $(STAMP) ## Measure speed beside flake8, ruff, fixit and pylint, and growth: minutes; BENCH=--corpus takes hours
	$(BIN)/python -m benchmarks.speed $(BENCH)

clean: ## Remove the environment and all that was built
	rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .nox

# Made anew when the dependencies change or the environment's Python is gone; `pip install --group` came with pip 25.1.
$(STAMP): pyproject.toml $(if $(wildcard $(BIN)/python),,missing-environment)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 10) and \
	    "leaklint needs Python 3.10 or newer; $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group test --group lint
	@touch $@

.PHONY: missing-environment
missing-environment:
