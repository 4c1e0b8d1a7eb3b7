.PHONY: help setup demo demo-batch test test-trials test-pythons test-node test-editor test-browser test-spark test-pgbouncer test-busy lint types contracts drift unit generate bench trial soak steady fuzz kills audit licences serve clean format

VENV := .venv
BIN := $(VENV)/bin
RULES ?= rules/cosmetics-cn
PORT ?= 50051
SECONDS ?= 3600
FUZZ_SECONDS ?= 300
FUZZ_CALLS ?= 1000000
KILLS ?= 200

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Make the virtual environment, with the newest Python or PYTHON, and install everything into it
	@scripts/setup.sh $(VENV)

demo: setup ## Decide 2,469 real households through a real server
	@$(BIN)/tact demo

demo-batch: setup ## Send to 200,000 members, made from the demo's households, on SQLite
	@$(BIN)/tact demo-batch

test: lint types contracts drift unit ## Everything that must hold: style, types, import contracts, generated code, tests

test-trials: setup ## Do to real servers and their workers what may happen at night: kills, hangs, overload, full disks
	$(BIN)/pytest -n 2 --dist worksteal --durations=10 tests/trial tests/workers

test-pythons: ## Run a quick part of the tests, and the demo, with every Python from 3.11 to 3.14 that is here
	@scripts/test-pythons.sh

test-node: setup ## Call a real server from Node, bundle the console's scripts again, compare the benchmark's services; installs Node's packages into build
	@PYTHON=$(BIN)/python scripts/test-node.sh

test-editor: setup ## Open all shipped books in yaml-language-server, and package the extension for VS Code; installs Node's packages into build/editor
	@PYTHON=$(BIN)/python scripts/test-editor.sh

test-browser: setup ## Look at the pages that Tact makes, in Chromium; installs Chromium from Debian's packages where it is missing
	@PYTHON=$(BIN)/python scripts/test-browser.sh

test-spark: ## Send to populations by Sail and by Spark, each in an environment of its own; installs Java from Debian's packages where it is missing
	@scripts/test-spark.sh

test-pgbouncer: setup ## Follow releases through PgBouncer; installs it from Debian's packages where it is missing
	@PYTHON=$(BIN)/python scripts/test-pgbouncer.sh

test-busy: setup ## Run the tests while other processes keep every core busy; TESTS names folders or files
	scripts/busy.sh $(BIN)/pytest -n 3 --dist worksteal $(TESTS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

drift: setup
	PYTHON=$(BIN)/python scripts/check-generated.sh

unit: setup
	$(BIN)/pytest -n 3 --dist worksteal --durations=25 --ignore=tests/trial --ignore=tests/workers

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: setup ## Make engine/api/v1 from protos/, and the synchronous client from the asynchronous
	PYTHON=$(BIN)/python scripts/generate.sh

bench: setup ## Measure ratios side by side; writes build/bench.json
	$(BIN)/pip install --quiet --constraint constraints.txt --group bench
	$(BIN)/python -m bench

trial: setup ## Do to a real server what may happen at night; writes build/trial/report.md
	$(BIN)/python -m trial

soak: steady fuzz kills ## All that takes hours: a steady load, fuzzing, servers killed

steady: setup ## Serve a steady load for SECONDS, an hour; curves of memory, latency and queue in build/soak
	$(BIN)/python -m trial.soak $(SECONDS)

fuzz: setup ## Fuzz the signals against their reference, reload books 2,000 times, send FUZZ_CALLS hostile calls, a million, over gRPC and as many over HTTP
	$(BIN)/python scripts/soak-signals.py $(FUZZ_SECONDS)
	$(BIN)/python scripts/soak-reloads.py
	$(BIN)/python scripts/soak-requests.py $(FUZZ_CALLS)
	$(BIN)/python scripts/soak-requests.py $(FUZZ_CALLS) --http

kills: setup ## Kill servers and PostgreSQL KILLS times under load, and look for what was lost
	$(BIN)/pytest tests/server/test_replicas.py --kills $(KILLS)

audit: ## Look for known vulnerabilities of the versions in constraints.txt; needs the network
	@PYTHON=$${PYTHON:-python3} scripts/audit.sh

licences: setup ## List the licences of all packages that are needed at run time; fails for one that is not allowed
	@mkdir -p build && $(BIN)/python scripts/list-licences.py > build/licences.md && cat build/licences.md

serve: setup ## Serve RULES on loopback PORT
	$(BIN)/tact serve --rules $(RULES) --log sqlite:///build/tact.db --port $(PORT)

clean: ## Remove what was made
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
