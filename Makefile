# Cadence. `make help` lists what there is.
SHELL := /bin/sh
PY    ?= python3
VENV  := .venv
BIN   := $(VENV)/bin
PIP   := $(BIN)/python -m pip --disable-pip-version-check -q
WEEKS ?= 4
SEED  ?= 1

.DEFAULT_GOAL := help
.PHONY: help run test test-all search lint types floors format bench soak generate verify lock mutants clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/run.stamp: requirements/run.lock pyproject.toml
	@echo "Installing Cadence into $(VENV) (once)..."
	@test -x $(BIN)/python || $(PY) -m venv $(VENV)
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/run.stamp
	@echo "Installing what the tests need..."
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/dev.lock
	@touch $@

$(VENV)/mutants.stamp: requirements/mutants.lock $(VENV)/dev.stamp
	@echo "Installing what makes mutants..."
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/mutants.lock
	@touch $@

run: $(VENV)/run.stamp ## the demo: real customers, some weeks on a virtual clock (LIVE=1: the real clock, until stopped)
ifdef LIVE
	@$(BIN)/cadence demo --live
else
	@$(BIN)/cadence demo --weeks $(WEEKS)
endif

test: $(VENV)/dev.stamp ## all tests but the long ones: under ten minutes on two cores
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not soak"

test-all: $(VENV)/dev.stamp ## the slow ones too (what takes minutes, most of it on the distributed database)
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not soak"

search: $(VENV)/dev.stamp ## an hour or so: the properties over examples nobody has tried yet, another set each time
	@CADENCE_THOROUGH=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not soak" \
	  $$(grep -rl "^@given\|^@relaxed" tests --include="*.py")

soak: $(VENV)/dev.stamp ## hours: the real clock, virtual years, storms, races, and a thousand kills (again: goes on with the kills; SEED=2: others)
	@$(BIN)/python -m pytest -m soak -x
	@$(BIN)/python -m tests.crash.kills --seed $(SEED)

lint: $(VENV)/dev.stamp types floors ## style, types and floors
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

floors: $(VENV)/dev.stamp
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## put the code in form
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

mutants: $(VENV)/mutants.stamp ## hours the first time: whether the tests notice each small change of the core (again: what is new or survived)
	@$(BIN)/python scripts/mutants.py

bench: $(VENV)/dev.stamp ## the benchmarks, each comparing in one run, written into docs/performance.md (N=100000: smaller)
	@$(BIN)/python benchmarks/page.py $(N)

generate: $(VENV)/dev.stamp ## make anew what is generated (schema, reference)
	@$(BIN)/python scripts/generate.py

verify: $(VENV)/dev.stamp ## fail when something generated is stale
	@$(BIN)/python scripts/generate.py --check

lock: $(VENV)/dev.stamp ## resolve the dependencies anew
	@for what in run dev mutants; do \
	  extras="--extra build"; [ $$what = run ] || extras="$$extras --extra dev --extra files"; \
	  [ $$what = mutants ] && extras="$$extras --extra mutants"; \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    pyproject.toml $$extras -o requirements/$$what.lock; done

clean: ## remove .venv and var
	@rm -rf $(VENV) var
