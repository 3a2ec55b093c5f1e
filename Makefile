# Everything a contributor runs. Needs Python 3.11 or newer, git and make; the rest goes into .venv.

PY := .venv/bin/python
WORKERS ?= 2
UV ?= uv
ONLY ?=
CHAOS_TESTS = tests/integration/test_engine_faults.py tests/integration/test_engine_kills.py \
	tests/scenarios/test_kills.py tests/property/test_nothing_is_orphaned.py
COMPILE = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links --all-extras $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help demo test check services bench chaos lock clean runtime dev

help: ## list what there is to run
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 17

demo: runtime ## see the whole of it work on this machine, in two minutes
	@$(PY) deploy/demo/demo.py

test: check ## check the code and run every test (REQUIRE_SERVICES=1: skip none)
	@$(PY) -m pytest -n $(WORKERS) $(ARGS)

check: dev ## check style, types and the import law
	@$(PY) -m ruff check --quiet
	@$(PY) -m ruff format --check --quiet
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-logo

services: ## install PostgreSQL, Redis, RabbitMQ, OPA and Temporal for the tests that want them
	@deploy/services.sh

bench: dev ## measure; one JSON object a line (ONLY=crash,saga for some; ARGS=--quick for few)
	@$(PY) -m tests.bench $(if $(ONLY),--only $(ONLY)) $(ARGS)

chaos: dev ## kill, stop and restart everything, for a long time; prints figures
	@CHAOS=long REQUIRE_SERVICES=1 $(PY) -m pytest -p no:randomly --force-reruns 0 -s -m slow $(CHAOS_TESTS)

lock: ## pin requirements anew with uv (UPGRADE=--upgrade for newer ones)
	@$(COMPILE) --group build --output-file requirements/runtime.txt
	@$(COMPILE) --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt

clean: ## remove what make and the checkers left, but not .tools
	@rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

runtime dev:
	@deploy/environment.sh $@
