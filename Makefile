# Two commands on a fresh machine: `make run` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A part of the campaign, which prints its figures.
LONG := $(BIN)/python -m pytest --timeout=14400 -s

.DEFAULT_GOAL := help
.PHONY: help run test lint generate dist campaign setup

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PYTHON: expected Python 3.11 or newer, got $$($(PYTHON) --version)"; exit 2; }
	@echo "setting up $(VENV): once, about a minute"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	@rm -f $(VENV)/.tested && touch $@

$(VENV)/.tested: $(READY)
	@echo "setting up the tests: once, about a minute"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@sh scripts/runners.sh
	@touch $@

setup: $(VENV)/.tested ## make the virtual environment, with what the tests need

run: $(READY) ## incoming webhooks and a relay on this machine, with lines to paste
	@exec $(BIN)/gitdailies up

test: $(VENV)/.tested ## every test
	@$(BIN)/python -m pytest

lint: $(VENV)/.tested ## style, types, generated files, known faults of dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python scripts/generate.py --check
	@$(BIN)/python scripts/audit.py

generate: $(VENV)/.tested ## write generated files
	@$(BIN)/python scripts/generate.py

dist: $(VENV)/.tested ## build what is published of the CI steps into dist/, with checksums
	@$(BIN)/python scripts/dist.py

campaign: $(VENV)/.tested ## the long forms, hours of them: fuzzing, kills, faults, power loss, hostile deliveries, large histories
	@GITDAILIES_FUZZ_SECONDS=600 $(LONG) tests/adapters/test_fuzz.py
	@GITDAILIES_KILL_ROUNDS=200 $(LONG) tests/relay/test_kill.py
	@GITDAILIES_CAMPAIGN_ROUNDS=200 GITDAILIES_CAMPAIGN_POSTGRESQL_ROUNDS=50 $(LONG) tests/campaign
	@GITDAILIES_CRASH_POINTS=500 $(LONG) tests/relay/test_power_loss.py
	@GITDAILIES_HOSTILE_DELIVERIES=1000000 $(LONG) tests/relay/test_hostile_campaign.py
	@GITDAILIES_HISTORY_KILLS=50 $(LONG) tests/history/test_kill.py
	@GITDAILIES_HISTORY_ROWS=1000000 $(LONG) tests/history/test_large.py
	@GITDAILIES_CATCH_UP_EVENTS=100000 $(LONG) tests/relay/test_catch_up.py
	@GITDAILIES_CONTRACT_EXAMPLES=500 $(LONG) tests/webhooks/test_contract.py
	@$(BIN)/python benchmarks/lists.py
	@$(BIN)/python benchmarks/figures.py
	@$(BIN)/python benchmarks/figures.py --repositories 1
	@$(BIN)/python benchmarks/catch_up.py --events 100000
	@$(BIN)/python benchmarks/intake.py --cases abcdefghi
	@npm install --silent --no-audit --no-fund --prefix .tools @datadog/datadog-ci@5.25.0
	@$(BIN)/python benchmarks/steps.py
