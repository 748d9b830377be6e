# Two commands for everybody: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 8002
BIN := .venv/bin
LOCKS := infra/local/requirements

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run test check unit lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/ready ## the service on http://127.0.0.1:8002 with its own PostgreSQL and Valkey (PORT=, DATABASE_URL=, REDIS_URL=)
	@PORT=$(PORT) exec $(BIN)/python -m development_server

test: .venv/ready .venv-sam/ready check ## every check and every test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 2 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: .venv/ready ## lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

unit: .venv/ready ## the quick tests alone
	$(BIN)/pytest tests/unit

lock: .venv/ready ## compile the locked requirements anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" pyproject.toml -o layers/quiz_sessions/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" -c layers/quiz_sessions/requirements.txt \
	  pyproject.toml --group dev -o $(LOCKS)-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" $(LOCKS)-uv.in -o $(LOCKS)-uv.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" $(LOCKS)-sam.in -o $(LOCKS)-sam.txt

clean: ## remove the environments, keep the data in .local/
	rm -rf .venv .venv-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

.venv/uv: $(LOCKS)-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + " (PYTHON=... chooses another)" if sys.version_info < (3, 11) else 0)'
	@echo "making the Python environment in .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes -r $(LOCKS)-uv.txt
	@touch $@

.venv/ready: .venv/uv pyproject.toml $(LOCKS)-dev.txt
	@echo "installing the locked packages (about a minute the first time) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# SAM CLI has an environment of its own: it pins versions that the service does not.
.venv-sam/ready: .venv/uv $(LOCKS)-sam.txt
	@echo "installing SAM CLI in .venv-sam ..."
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-sam
	@$(BIN)/uv pip install --quiet --python .venv-sam/bin/python --require-hashes -r $(LOCKS)-sam.txt
	@touch $@
