# Two commands on a fresh machine: `make run` and `make test`. Each sets up what it needs.

# The first Python that is new enough and can make virtual environments. Debian has venv in a package of its own.
PYTHON ?= $(firstword $(foreach one,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	$(one) -c 'import ensurepip, sys; sys.version_info >= (3, 11) and print("$(one)")' 2>/dev/null)))
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# How many tests run side by side. Some wait for servers, so four keep two cores busy; each more collects again.
WORKERS ?= 4
# Those of make quick wait for nothing.
QUICK_WORKERS ?= 3
# Tests start hundreds of commands. Where bytecode is not kept, each would compile all of its modules again.
unexport PYTHONDONTWRITEBYTECODE
# Tests make thousands of small stores, and each syncs to disk. In memory they do not wait for it.
MEMORY := $(shell test -w /dev/shm && df -Pk /dev/shm | awk 'NR == 2 && $$4 > 4000000 {print "/dev/shm"}')
# Plugins that packages bring along and no test uses: each process would load them before it collects.
UNUSED := -p no:schemathesis -p no:anyio
PYTEST := $(if $(MEMORY),PYTEST_DEBUG_TEMPROOT=$(MEMORY)) $(BIN)/python -m pytest -q --dist worksteal $(UNUSED)
# The campaign, by itself on the machine: it measures, too.
CAMPAIGN := $(BIN)/python -m pytest -q --timeout=14400 -m long

.DEFAULT_GOAL := help
.PHONY: help run quick test test-long lint generate docs dist release campaign setup

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@sh scripts/check_python.sh '$(PYTHON)'
	@echo "setting up $(VENV): once, in a minute or two"
	@# What an interrupted start left has a Python, but no pip.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@# Compiling all that is installed takes half of the time. Python compiles what it imports.
	@{ $(BIN)/python -m pip install --disable-pip-version-check --no-compile --editable '.[all]'; echo $$? >$(VENV)/.ended; } | \
		sed -n -u 's/^ *Collecting \([^ ]*\).*/  \1/p; s/^Installing collected packages.*/  installing them/p'
	@exit $$(cat $(VENV)/.ended)
	@rm -f $(VENV)/.tested && touch $@

$(VENV)/.tested: $(READY)
	@echo "setting up the tests: once, about a minute"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@# Collected once, every test is compiled. Each worker would do that for itself.
	@$(BIN)/python -m pytest -q --collect-only >$(VENV)/.collected || { cat $(VENV)/.collected; exit 2; }
	@touch $@

$(VENV)/.programs: $(VENV)/.tested scripts/test_programs.sh
	@sh scripts/test_programs.sh
	@touch $@

$(VENV)/.containers: $(VENV)/.programs
	@sh scripts/test_programs.sh long
	@touch $@

setup: $(VENV)/.programs ## make the virtual environment, and install the programs that tests start

run: $(READY) ## the DORA server and a relay on this machine; ARGS="--dora-port 9700 --relay-port 9701"
	@exec $(BIN)/gitdailies up $(ARGS)

quick: $(VENV)/.tested ## tests without servers and other programs, while you work: under a minute
	@$(PYTEST) -n $(QUICK_WORKERS) --hypothesis-profile=quick tests/rooms tests/unit

test: $(VENV)/.programs ## every test, in its short form: minutes
	@$(PYTEST) -n $(WORKERS)

test-long: $(VENV)/.containers ## the long forms of tests: fuzzing, kills, faults, power loss, large histories
	@$(PYTEST) -n 2 -m long
	@$(PYTEST) -n 2 -m 'hypothesis and not long' --hypothesis-profile=thorough

lint: $(VENV)/.tested ## style, types, generated files, known faults of dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary --config-file tests/mypy.ini
	@$(BIN)/python scripts/generate.py --check
	@$(BIN)/python scripts/audit.py

generate: $(VENV)/.tested ## write generated files
	@$(BIN)/python scripts/generate.py

docs: $(VENV)/.tested ## build the documentation as a site into build/site, and check its links
	@$(BIN)/python -m scripts.docs_site.build

dist: $(READY) ## build what is published of the CI steps into dist/, with checksums
	@$(BIN)/python scripts/dist.py

release: $(VENV)/.tested ## build everything that VERSION publishes into dist/, twice, and compare
	@$(BIN)/python scripts/release.py '$(VERSION)'

campaign: $(VENV)/.containers ## the long forms at their largest, and the benchmarks: hours; BEFORE=CHECKOUT compares
	@GITDAILIES_FUZZ_SECONDS=600 GITDAILIES_KILL_ROUNDS=200 GITDAILIES_CRASH_POINTS=500 \
		GITDAILIES_CAMPAIGN_ROUNDS=200 GITDAILIES_CAMPAIGN_POSTGRESQL_ROUNDS=50 \
		GITDAILIES_HOSTILE_DELIVERIES=1000000 GITDAILIES_HISTORY_KILLS=50 GITDAILIES_HISTORY_ROWS=1000000 \
		GITDAILIES_ISOLATION_SECONDS=600 GITDAILIES_CATCH_UP_EVENTS=100000 GITDAILIES_CONTRACT_EXAMPLES=500 \
		GITDAILIES_OVERVIEWS=1000 GITDAILIES_SHARED_DELIVERIES=10000 GITDAILIES_FAILOVER_SECONDS=300 \
		GITDAILIES_ROLLING_SECONDS=60 GITDAILIES_ALERT_FAULTS=all $(CAMPAIGN)
	@for each in intake "intake --packs" delivery figures chance ceiling; do $(BIN)/python -m benchmarks.$$each || exit 1; done
	@if [ -n "$(BEFORE)" ]; then $(BIN)/python -m benchmarks.side_by_side "$(BEFORE)"; fi
	@$(BIN)/python -m benchmarks.steps
