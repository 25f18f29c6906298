# Every target works on a fresh machine; `make setup` runs by itself when the lock or the project file changes.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup lock format lint types test test-full chaos demo up down docs bench bench-api bench-edge check

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv || { echo "Python 3.11 or newer with venv is missing; on Debian: apt-get install python3-venv, or name another with PYTHON=..." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

setup: .venv/.ready ## Make .venv with the locked dependencies

COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url \
	--no-emit-find-links --no-emit-trusted-host pyproject.toml

lock: ## Resolve the dependencies anew: requirements.lock for servers, requirements-dev.lock for work on Aforo
	$(COMPILE) --extra local --extra dev --output-file requirements-dev.lock
	$(COMPILE) --constraint requirements-dev.lock --output-file requirements.lock

format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup ## Check style and architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup ## Check types
	$(BIN)/mypy

test: setup ## Set up and run every test that belongs to a change, with the real parts
	$(BIN)/pytest -m "not full"

test-full: setup ## Also what takes long
	$(BIN)/pytest

MINUTES ?= 10
BROKERS ?= 1
chaos: setup ## Kill, stop and cut everything for MINUTES=10 with BROKERS=1 or 3, and prove that nothing was lost
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --brokers $(BROKERS)

demo: setup ## Set up and run everything on real footage; AFORO_DEMO_SECONDS=75 ends it by itself
	@$(BIN)/aforo demo

up: setup ## Start Kafka, the schema registry and TimescaleDB
	@$(BIN)/aforo up --install && $(BIN)/aforo init

down: ## Stop them
	@$(BIN)/aforo down

docs: setup ## Write the documents that are made from the code
	$(BIN)/python -m tools.document

bench: setup ## Measure, and print the figures
	$(BIN)/python -m benchmarks

bench-api: setup ## Measure what queries and subscribers cost the API
	$(BIN)/python -m benchmarks api

bench-edge: setup ## Measure the edge with eight cameras for MINUTES=10, then what it takes to recover
	$(BIN)/python -m benchmarks.edge --minutes $(MINUTES)

check: lint types test ## All that must be green before a commit
