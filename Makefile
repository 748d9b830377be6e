# Three commands for everybody: `make demo`, `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Which Python makes .venv; without one it is production's version, or else the newest that is here.
PYTHON ?=
# Where the quick parts of the tests pass as well.
PYTHONS := 3.11 3.12 3.13
PORT ?= 8002
MINUTES ?= 20
BIN := .venv/bin
LOCKS := infra/local/requirements
NODE_MODULES := tests/generators/node_modules
ENV ?= dev
SAM := SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam
# The image of the API: its name, what it is built on, and for which machine (PLATFORM=linux/arm64; else this one).
IMAGE ?= quiz-sessions
BASE ?=
PLATFORM ?=
MACHINE = $(if $(filter %arm64 %aarch64,$(or $(PLATFORM),$(shell uname -m))),aarch64,x86_64)
CONTEXT := .container
# SAM builds with the interpreter itself: it wants its pip, and refuses pyenv's shim.
PYTHON313_FOLDER = $(shell .venv-lambda/bin/python -c 'import sys; print(sys.base_prefix)')/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run demo token test tested tested-beside tested-on-other-pythons pythons generators declarations chromium faults check build container machine-container deploy localstack built unit exam first-night soak bench bench-plots sbom audit lock clean localstack-installed

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/ready ## the service on http://127.0.0.1:8002 with its own PostgreSQL and Valkey (PORT=, DATABASE_URL=, REDIS_URL=)
	@PORT=$(PORT) exec $(BIN)/quiz-sessions serve $(OPTIONS)

demo: .venv/ready ## an exam with thirty simulated students, and a page that breaks what it runs on; OPTIONS=--no-browser
	@PORT=$(PORT) exec $(BIN)/quiz-sessions serve --demo $(OPTIONS)

token: .venv/ready ## a token for the server of AUTH_MODE=jwt make run; SUB=student1 SCOPE="sessions:proctor"
	@$(BIN)/quiz-sessions token $(OPTIONS) --sub "$(or $(SUB),student1)" $(if $(SCOPE),--scope "$(SCOPE)")

test: .venv/ready .venv-sam/ready ## every check and every test
	@$(MAKE) --no-print-directory --jobs 2 check built .venv-audit/ready .venv-reference/ready $(NODE_MODULES)/ready chromium
	$(BIN)/coverage erase
	@$(MAKE) --no-print-directory --jobs 2 tested tested-beside
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	@[ "$${CI:-}" != true ] || $(MAKE) --no-print-directory tested-on-other-pythons

# Exams measure the machine as well: `make exam` runs them.
tested: .venv/ready
	$(BIN)/coverage run -m pytest --numprocesses 2 --dist loadfile --ignore tests/exam --ignore tests/localstack --ignore tests/browser

# Most of their time these tests wait: for a rule that fires once a minute, and for networks and browsers that come back.
tested-beside: .venv/ready
	$(BIN)/pytest --quiet --numprocesses 2 --dist loadfile tests/localstack tests/browser

pythons: built .venv-audit/ready ## unit, integration and lambda_runtime on the other Pythons, as CI=true make test does
	@$(MAKE) --no-print-directory tested-on-other-pythons

# One Python after the other, each with two processes. Where one is missing, its tests are skipped.
tested-on-other-pythons: .venv/ready
	@$(MAKE) --no-print-directory --keep-going $(addprefix tested-on-,$(filter-out \
	  $(shell $(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'),$(PYTHONS)))

tested-on-3.%: .venv-3.%/ready
	@if [ -e $< ]; then \
	  echo "the tests on Python 3.$*:"; \
	  .venv-3.$*/bin/python -m pytest --quiet --numprocesses 2 --dist loadfile tests/unit tests/integration tests/lambda_runtime; \
	fi

generators: .venv/ready $(NODE_MODULES)/ready ## code generators on the API's document, and programs that use what they make
	$(BIN)/pytest tests/generators

declarations: $(NODE_MODULES)/ready ## the .d.ts of clients/browser, from what its modules say
	@find clients/browser -name '*.d.ts' ! -name types.d.ts -delete
	$$(cat $<) $(NODE_MODULES)/typescript/bin/tsc --project clients/browser --noEmit false --declaration --emitDeclarationOnly

# Debian's, where there is none and this is root. Where it can't be had, its tests are skipped; with CI=true it fails.
chromium: ## the browser of tests/browser and of make faults BROWSERS=, if this machine has none
	@if command -v chromium >/dev/null; then exit; fi; \
	reason="apt-get install chromium, as root"; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Debian's Chromium ..."; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  said=$$({ apt-get -qq update && apt-get -qq install --no-install-recommends chromium; } 2>&1) && exit; \
	  reason=$${said##*$$'\n'}; \
	fi; \
	echo "no Chromium here, so tests/browser is skipped: $$reason" >&2; [ "$${CI:-}" != true ]

faults: .venv/ready .venv-sam/ready ## students under faults for MINUTES=20, from SEED=, BROWSERS=2 more in Chromium, and every planted bug
	$(BIN)/python -m tests.faults.suite --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(BROWSERS),--browsers $(BROWSERS)) $(OPTIONS)
	ALL_PLANTED_BUGS=true $(BIN)/python -m pytest tests/faults/test_planted_bugs.py

check: .venv/ready .venv-sam/ready ## lint, format, types and templates
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	.venv-sam/bin/cfn-lint infra/*.yaml
	$(SAM) validate --lint --region eu-central-1

build: .venv-sam/ready .venv-localstack/ready ## the functions and their layer, in .aws-sam/build
	PATH="$(PYTHON313_FOLDER):$(CURDIR)/$(BIN):$$PATH" $(SAM) build --cached
	@infra/local/release.sh
	@for layer in .aws-sam/build/ServiceLayer*; do \
	  echo "unzipped with a function: $$(du -cm --apparent-size $$layer .aws-sam/build/SessionApiFunction | tail -n 1 | cut -f 1) MB ($${layer##*/})"; \
	done

deploy: build ## deploy to ENV=dev or prod: additive migrations first, then traffic, then pages
	@arguments=$$($(BIN)/python -m pages_deployment before $(ENV)); eval "$(SAM) deploy --config-env $(ENV) $$arguments"
	@# A new stack's first version gets its traffic at once; later ones wait for CodeDeploy's hook.
	@infra/local/migrate.sh $(ENV)
	@# What pages ask for is there by now.
	@$(BIN)/python -m pages_deployment upload $(ENV)

container: .venv/ready ## the API as a container image, IMAGE=quiz-sessions; BASE=, PLATFORM=linux/arm64
	rm -rf $(CONTEXT)
	$(BIN)/uv pip install --quiet --require-hashes --only-binary :all: --no-deps --link-mode copy \
	  --python-version 3.13 --python-platform $(MACHINE)-manylinux_2_28 --target $(CONTEXT)/service -r infra/container/requirements.txt
	rm -rf $(CONTEXT)/service/bin $(CONTEXT)/service/.lock
	cp -r layers/quiz_sessions/quiz_sessions functions/session_api $(CONTEXT)/service
	find $(CONTEXT) -name __pycache__ -prune -exec rm -rf {} +
	docker build --quiet --tag $(IMAGE) --file infra/container/Dockerfile --network none \
	  $(if $(BASE),--build-arg BASE=$(BASE)) $(if $(PLATFORM),--platform $(PLATFORM)) $(CONTEXT)

machine-container: .venv/ready ## one machine as a container image, quiz-sessions-machine; BASE=, PLATFORM=linux/arm64
	rm -rf $(CONTEXT)
	$(BIN)/uv pip install --quiet --require-hashes --only-binary :all: --no-deps --link-mode copy \
	  --python-version 3.13 --python-platform $(MACHINE)-manylinux_2_28 --target $(CONTEXT)/packages -r infra/container/requirements-machine.txt
	mkdir -p $(CONTEXT)/layers/quiz_sessions $(CONTEXT)/infra/local
	cp -r layers/quiz_sessions/quiz_sessions $(CONTEXT)/layers/quiz_sessions
	cp -r infra/local/development_server infra/local/one_machine infra/local/pages_deployment infra/local/quiz_files $(CONTEXT)/infra/local
	cp -r functions clients $(CONTEXT)
	find $(CONTEXT) -name __pycache__ -prune -exec rm -rf {} +
	docker build --quiet --tag $(if $(filter quiz-sessions,$(IMAGE)),quiz-sessions-machine,$(IMAGE)) \
	  --file infra/container/machine.Dockerfile --network none \
	  $(if $(BASE),--build-arg BASE=$(BASE)) $(if $(PLATFORM),--platform $(PLATFORM)) $(CONTEXT)

localstack: .venv/ready build ## the same template on a LocalStack without Docker, proven end to end
	$(BIN)/python -m pytest tests/localstack -v

# Where there is no Python 3.13 this is skipped, and so are the tests that need it; with CI=true it fails.
built: .venv-sam/ready .venv-localstack/ready
	@if [ -x .venv-lambda/bin/python ]; then $(MAKE) --no-print-directory build; fi

unit: .venv/ready ## the quick tests alone
	$(BIN)/pytest tests/unit

exam: .venv/ready ## exams with many students on a server of their own; OPTIONS="--seed 1 --seconds 180"
	$(BIN)/python -W ignore -m tests.exam $(OPTIONS)

first-night: .venv/ready ## a fresh clone through its first exam, a full disk, a complaint, a loss, an upgrade; .local/first_night.txt
	@$(BIN)/python -m tests.first_night

soak: .venv/ready ## a steady load for MINUTES=20, with an eye on memory, connections and handles; .local/soak.json
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

bench: .venv/ready .venv-sam/ready ## speed against floors, in one table and .local/bench.json; OPTIONS="--only warm"
	@$(BIN)/python -W ignore -m tests.bench $(OPTIONS)

bench-plots: .venv/ready ## the curves of `make bench OPTIONS="--only growth"`, drawn to docs/plots
	@$(BIN)/python -m tests.bench.plots

sbom: build ## what the built functions and their layer are made of, as CycloneDX in .aws-sam/sbom.json
	@$(BIN)/python infra/local/sbom.py .aws-sam/build .aws-sam/sbom.json

audit: .venv/ready .venv-audit/ready ## known vulnerabilities of everything that is locked; asks osv.dev
	@$(BIN)/python infra/local/audit.py .venv-audit/bin/pip-audit layers/quiz_sessions/requirements.txt $(LOCKS)-*.txt

COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
LOCK := $(COMPILE) --universal --python-version 3.11

lock: .venv/ready ## compile the locked requirements anew
	$(LOCK) pyproject.toml -o layers/quiz_sessions/requirements.txt
	$(LOCK) -c layers/quiz_sessions/requirements.txt pyproject.toml --group dev -o $(LOCKS)-dev.txt
	$(COMPILE) --universal --python-version 3.13 -c $(LOCKS)-dev.txt pyproject.toml --group server -o infra/container/requirements.txt
	$(COMPILE) --universal --python-version 3.13 -c $(LOCKS)-dev.txt pyproject.toml --group machine -o infra/container/requirements-machine.txt
	$(LOCK) $(LOCKS)-uv.in -o $(LOCKS)-uv.txt
	$(LOCK) $(LOCKS)-sam.in -o $(LOCKS)-sam.txt
	$(LOCK) $(LOCKS)-audit.in -o $(LOCKS)-audit.txt
	$(LOCK) $(LOCKS)-generators.in -o $(LOCKS)-generators.txt
	$(LOCK) $(LOCKS)-reference.in -o $(LOCKS)-reference.txt
	$(LOCK) $(LOCKS)-node.in -o $(LOCKS)-node.txt
	$(COMPILE) --universal --python-version 3.13 -c $(LOCKS)-dev.txt $(LOCKS)-lambda.in -o $(LOCKS)-lambda.txt
	$(COMPILE) --python-version 3.13 --exclude-newer 2026-03-05 $(LOCKS)-localstack.in -o $(LOCKS)-localstack.txt
	infra/local/node.sh npm install --prefix tests/generators --package-lock-only --omit-lockfile-registry-resolved

clean: ## remove the environments, keep the data in .local/
	rm -rf .venv .venv-3.* .venv-audit .venv-generators .venv-reference $(NODE_MODULES) .venv-sam .venv-localstack .venv-lambda .aws-sam $(CONTEXT) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

.venv/uv: $(LOCKS)-uv.txt
	@python="$(or $(PYTHON),$$(infra/local/python.sh || echo python3))"; \
	"$$python" -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + " (PYTHON=... chooses another)" if sys.version_info < (3, 11) else 0)'; \
	echo "making the Python environment in .venv with $$("$$python" --version) ..."; \
	"$$python" -m venv --clear .venv
	@$(BIN)/pip install --quiet --require-hashes -r $(LOCKS)-uv.txt
	@touch $@

# What the installed package knows of itself.
VERSION_FILE = layers/quiz_sessions/quiz_sessions/__init__.py

.venv/ready: .venv/uv pyproject.toml $(VERSION_FILE) $(LOCKS)-dev.txt
	@echo "installing the locked packages (about a minute the first time) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# The same packages for another Python. Where there is none the stamp is not made.
.PRECIOUS: .venv-3.%/ready
.venv-3.%/ready: .venv/uv pyproject.toml $(VERSION_FILE) $(LOCKS)-dev.txt
	@if python=$$(infra/local/python.sh 3.$*); then \
	  echo "installing the locked packages for Python 3.$* in .venv-3.$* ..."; \
	  $(BIN)/uv venv --quiet --clear --python "$$python" .venv-3.$*; \
	  $(BIN)/uv pip install --quiet --python .venv-3.$*/bin/python --require-hashes -r $(LOCKS)-dev.txt; \
	  $(BIN)/uv pip install --quiet --python .venv-3.$*/bin/python --no-deps --no-build-isolation -e .; \
	  touch $@; \
	else \
	  echo "NOTHING IS TESTED ON PYTHON 3.$*: this machine has none (pyenv install 3.$*)" >&2; \
	fi

# SAM CLI has an environment of its own: it pins versions that the service does not.
.venv-sam/ready: .venv/uv $(LOCKS)-sam.txt
	@echo "installing SAM CLI in .venv-sam ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-sam
	@$(BIN)/uv pip install --quiet --python .venv-sam/bin/python --require-hashes -r $(LOCKS)-sam.txt
	@touch $@

# pip-audit too: nothing that it brings is to run beside the service.
.venv-audit/ready: .venv/uv $(LOCKS)-audit.txt
	@echo "installing pip-audit in .venv-audit ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-audit
	@$(BIN)/uv pip install --quiet --python .venv-audit/bin/python --require-hashes -r $(LOCKS)-audit.txt
	@touch $@

# And what statistics are compared with.
.venv-reference/ready: .venv/uv $(LOCKS)-reference.txt
	@echo "installing pingouin in .venv-reference ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-reference
	@$(BIN)/uv pip install --quiet --python .venv-reference/bin/python --require-hashes -r $(LOCKS)-reference.txt
	@touch $@

# And the code generators, those in Python.
.venv-generators/ready: .venv/uv $(LOCKS)-generators.txt
	@echo "installing openapi-python-client in .venv-generators ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-generators
	@$(BIN)/uv pip install --quiet --python .venv-generators/bin/python --require-hashes -r $(LOCKS)-generators.txt
	@touch $@

# Those in TypeScript, and where the machine has no Node that is new enough, Node. The stamp names it.
# Without npm's registry their tests are skipped; with CI=true it fails.
$(NODE_MODULES)/ready: .venv-generators/ready $(LOCKS)-node.txt tests/generators/package-lock.json
	@infra/local/node.sh >/dev/null || $(BIN)/uv pip install --quiet --python .venv-generators/bin/python --require-hashes -r $(LOCKS)-node.txt || true
	@echo "installing the code generators for TypeScript in $(NODE_MODULES) ..."
	@if infra/local/node.sh npm ci --prefix tests/generators --silent --ignore-scripts --no-audit --no-fund; then \
	  infra/local/node.sh > $@; \
	else \
	  echo "no code generators for TypeScript here: npm could not install them" >&2; [ "$${CI:-}" != true ]; \
	fi

# LocalStack needs Python 3.13, and so do the functions that it runs.
.venv-localstack/ready: .venv/uv $(LOCKS)-localstack.txt $(LOCKS)-lambda.txt infra/local/localstack/pyproject.toml
	@python=$$(infra/local/python313.sh "$(PYTHON313)"); \
	[ -z "$$python" ] || $(MAKE) --no-print-directory localstack-installed PYTHON313="$$python"

localstack-installed:
	@echo "installing LocalStack in .venv-localstack ..."
	@$(BIN)/uv venv --quiet --allow-existing --python "$(PYTHON313)" .venv-localstack
	@$(BIN)/uv pip install --quiet --python .venv-localstack/bin/python --require-hashes -r $(LOCKS)-localstack.txt
	@$(BIN)/uv pip install --quiet --python .venv-localstack/bin/python --no-deps --no-build-isolation -e infra/local/localstack
	@$(BIN)/uv venv --quiet --allow-existing --python "$(PYTHON313)" .venv-lambda
	@$(BIN)/uv pip install --quiet --python .venv-lambda/bin/python --require-hashes -r $(LOCKS)-lambda.txt
	@touch .venv-localstack/ready
