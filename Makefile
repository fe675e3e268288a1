# The commands of the project; `make` alone lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo run-ready dev-ready lint types contracts browser test test-long check format bench chaos lock clean

BIN := .venv/bin
# Where it is set, each of the many processes of a run compiles all of the source anew.
export PYTHONDONTWRITEBYTECODE :=
UV ?= $(firstword $(wildcard $(BIN)/uv) uv)
SECONDS ?= 30
SEED := $(or $(SEED),$(shell od -An -N3 -tu4 /dev/urandom | tr -d ' '))
# Processes that run the tests: more than cores, for a good part of the tests waits.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))
QUICK = tests/habits tests/examples tests/roles $(wildcard tests/*/test_rules*.py tests/*/test_types*.py) \
	$(filter-out %_machine.py,$(wildcard tests/test_*.py))
OURS := $(notdir $(wildcard packages/*))
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header
COMPILE = $(LOCK) $(OURS:%=--no-emit-package %) --extra build --extra laptop

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: run-ready ## install what is missing and run the demo; ONCE=1 ends after one campaign
	@exec $(BIN)/chimera demo $(if $(ONCE),--once)

test: lint types contracts browser ## everything, as it runs before a change lands
	@exec $(BIN)/pytest --numprocesses $(WORKERS)

test-long: lint types contracts browser ## the randomised tests at full size; SEED=n brings a run about again
	@echo "test-long: SEED=$(SEED)" && CHIMERA_TEST_LONG=1 CHIMERA_CHAOS_SECONDS=300 CHIMERA_CHAOS_SEED=$(SEED) \
		exec $(BIN)/pytest --numprocesses $(WORKERS) --hypothesis-seed=$(SEED) -o faulthandler_timeout=3600

check: lint types contracts ## the fast part, in less than a minute: lint, types, import contracts, habits, rules, roles
	@exec $(BIN)/pytest $(QUICK)

chaos: dev-ready ## kill processes at random for SECONDS=30 seconds
	@CHIMERA_CHAOS_SECONDS=$(SECONDS) exec $(BIN)/pytest tests/chaos -o faulthandler_timeout=$$(($(SECONDS) + 300))

bench: dev-ready ## measure side by side with peers
	@PYTHON=$(BIN)/python bench/setup.sh && exec .venv-bench/bin/python -m bench

format: dev-ready ## put the source into its usual shape
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

lock: ## write the lock files anew from pyproject.toml (UPGRADE=1 for newer versions)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements.lock pyproject.toml
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --extra dev --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml
	@$(LOCK) $(if $(UPGRADE),--upgrade) --output-file bench/requirements.lock bench/requirements.in

clean: ## remove the environment and all caches
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

run-ready:
	@tools/bootstrap.sh run

dev-ready:
	@tools/bootstrap.sh dev

lint: dev-ready
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

types: dev-ready
	@$(BIN)/mypy --no-error-summary

contracts: dev-ready
	@told=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$told"; exit 1; }

browser:
	@tools/chromium.sh
