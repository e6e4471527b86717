# `make` checks everything. Each target does its own set-up in .venv and .cache, and touches nothing outside the checkout.

ifndef PYTHON
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif
VENV ?= .venv
PY   := $(VENV)/bin/python
PIP  := $(PY) -m pip --disable-pip-version-check --quiet

# Everything that tools write on the way stays in the checkout too.
CACHE := $(CURDIR)/.cache
PEERS := $(CACHE)/peers
export PIP_CACHE_DIR := $(CACHE)/pip
export UV_CACHE_DIR := $(CACHE)/uv
export UV_SYSTEM_CERTS := true
export MYPY_CACHE_DIR := $(CACHE)/mypy
export RUFF_CACHE_DIR := $(CACHE)/ruff
export HYPOTHESIS_STORAGE_DIRECTORY := $(CACHE)/hypothesis
export TMPDIR := $(CACHE)/tmp
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.DEFAULT_GOAL := check
.PHONY: peer-litellm peer-hf peer-node help check test format lint types imports docs-check unit peers fix docs lock demo screenshots bench bench-gateway faults faults-long encoders clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# ---------------------------------------------------------------------------------------------------------------- checks

check: format lint types imports docs-check unit ## everything: format, lint, types, import contracts, docs, tests

test: check faults peers encoders ## `make check`, the fault suite's short form, and the gateway with the clients and servers of others

format: $(VENV)/.test | .cache/tmp
	@$(PY) -m ruff format --check --quiet . || { $(PY) -m ruff format --diff --quiet .; echo "make fix puts it right"; exit 1; }

lint: $(VENV)/.test | .cache/tmp
	@$(PY) -m ruff check --quiet .

types: $(VENV)/.test | .cache/tmp
	@$(PY) -m mypy --no-error-summary

imports: $(VENV)/.test | .cache/tmp
	@$(VENV)/bin/lint-imports --cache-dir .cache/import_linter > .cache/tmp/imports.txt 2>&1 || { cat .cache/tmp/imports.txt; exit 1; }

docs-check: $(VENV)/.test | .cache/tmp
	@$(PY) docs/generate.py --check

unit: $(VENV)/.test | .cache/tmp ## tests alone; ARGS="tests/store -x" narrows them
	@$(PY) -m pytest --basetemp=.cache/pytest -o cache_dir=.cache/pytest_cache --ignore=tests/peers --ignore=tests/faults --ignore=tests/encoders $(ARGS)

peers: $(VENV)/.test $(PEERS)/.litellm $(PEERS)/.hf $(PEERS)/.node | .cache/tmp ## official clients, LangChain, LiteLLM, llama.cpp, transformers
	@MODICUM_PEERS=$(PEERS) $(PY) -m pytest --basetemp=.cache/pytest-peers -o cache_dir=.cache/pytest_cache tests/peers $(ARGS)

encoders: $(PEERS)/.hf | .cache/tmp ## exporting and fine-tuning encoders, in the environment that has torch
	@PYTHONPATH=src:. $(PEERS)/hf/bin/python -m pytest -c /dev/null --rootdir=. --basetemp=.cache/pytest-encoders -p no:cacheprovider tests/encoders $(ARGS)

faults: $(VENV)/.test | .cache/tmp ## the fault suite's short form (docs/reliability.md)
	@$(PY) -m pytest --basetemp=.cache/pytest-faults -o cache_dir=.cache/pytest_cache tests/faults $(ARGS)

faults-long: $(VENV)/.test | .cache/tmp ## its long form in parts, resumable, half an hour; ARGS="--every 1" tries every change to the disk
	@$(PY) -m tests.faults.parts --into .cache/faults --seconds 60 --every 5 --jobs 2 $(ARGS)
	@$(PY) -m tests.faults.table .cache/faults/results.json

fix: $(VENV)/.test | .cache/tmp ## format, repair what can be repaired, write the generated docs again
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format --quiet .
	@$(PY) docs/generate.py

docs: $(VENV)/.test | .cache/tmp ## write docs/cli.md, docs/configuration.md and docs/errors.md from the code
	@$(PY) docs/generate.py

# ------------------------------------------------------------------------------------------------------------- show, measure

demo: $(VENV)/.demo | .cache/tmp ## the whole loop on a generated sample: no key, no network, under three minutes
	@$(PY) -m demo.run

screenshots: $(VENV)/.test | .cache/tmp ## the pictures of the report in docs/images; needs Chromium
	@$(PY) -m docs.screenshots

bench: $(VENV)/.test | .cache/tmp ## every benchmark; ONLY="guarantee" names one, MODICUM_DATA and MODICUM_LOGS point to data
	@$(PY) -m benchmarks $(ONLY)

bench-gateway: $(VENV)/.test $(PEERS)/.litellm | .cache/tmp ## what the gateway costs beside nginx and LiteLLM (half an hour); ARGS="--quick", ARGS="--soak"
	@MODICUM_PEERS=$(PEERS) $(PY) -m benchmarks.gateway $(ARGS)

# ---------------------------------------------------------------------------------------------------------------- set-up

# uv unpacks in seconds; where it cannot reach the registry, pip does it under pip's own configuration.
HASHED := --require-hashes --no-deps --only-binary :all:
define install
$(PY) -m uv pip install --quiet --python $(PY) $(HASHED) -r $(1) || { \
	echo "uv did not succeed, trying pip"; $(PIP) install --no-compile $(HASHED) -r $(1); }
endef

$(PY):
	@test -n "$(PYTHON)" || { echo "Modicum needs Python 3.11 or newer: install it, or name it with make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: Modicum needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -m venv $(VENV) > /dev/null || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv, then make again"; exit 1; }

$(VENV)/.installer: requirements/installer.txt | $(PY) .cache/tmp
	@echo "Setting up $(VENV)"
	@$(PIP) install --require-hashes --only-binary :all: -r $<
	@touch $@

.cache/tmp:
	@mkdir -p $@

# The product itself goes in as a link to src/, so that the command `modicum` runs this checkout.
$(VENV)/.%: requirements/%.txt pyproject.toml $(VENV)/.installer | .cache/tmp
	@$(call install,$<)
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@$(PIP) check > .cache/tmp/pip-check.txt || { cat .cache/tmp/pip-check.txt; exit 1; }
	@touch $@

# What the gateway is tried with lives in environments of its own, and none of it is a dependency.
TORCH ?= torch==2.13.0

$(PEERS)/.%: requirements/peers.txt requirements/transformers.txt tests/peers/package.json tests/peers/package-lock.json $(VENV)/.installer | .cache/tmp
	@echo "Setting up $(PEERS)/$*"
	@rm -rf $(PEERS)/$* && mkdir -p $(PEERS)/$*
	@$(MAKE) --no-print-directory peer-$*
	@touch $@

peer-litellm:
	@$(PYTHON) -m venv --without-pip $(PEERS)/litellm
	@$(PY) -m uv pip install --quiet --python $(PEERS)/litellm/bin/python $(HASHED) -r requirements/peers.txt

peer-hf:
	@$(PYTHON) -m venv $(PEERS)/hf
	@$(PY) -m uv pip install --quiet --python $(PEERS)/hf/bin/python $(HASHED) -r requirements/transformers.txt
	@$(PEERS)/hf/bin/python -m pip --disable-pip-version-check --quiet install --no-compile "$(TORCH)"

peer-node:
	@cp tests/peers/package.json tests/peers/package-lock.json $(PEERS)/node/
	@cd $(PEERS)/node && npm ci --silent --ignore-scripts --no-audit --no-fund

LOCK := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url $(UPGRADE)

# All but what needs torch (encoder-train, adapter).
EXTRAS := $(addprefix --extra ,train encoder bedrock google azure hub litellm sign)

lock: $(VENV)/.installer ## pin and hash again after a change of dependencies; UPGRADE=--upgrade takes the newest
	@$(LOCK) requirements/installer.in -o requirements/installer.txt
	@$(LOCK) pyproject.toml requirements/test.in $(EXTRAS) -o requirements/test.txt
	@$(LOCK) pyproject.toml requirements/demo.in --extra train -c requirements/test.txt -o requirements/demo.txt
	@$(LOCK) pyproject.toml -c requirements/test.txt -o requirements/core.txt
	@$(LOCK) pyproject.toml --extra train -c requirements/test.txt -o requirements/train.txt
	@$(LOCK) requirements/build.in -c requirements/test.txt -o requirements/build.txt
	@$(LOCK) requirements/peers.in -o requirements/peers.txt
	@echo 'torch ; sys_platform == "never"' > .cache/tmp/override.txt
	@$(LOCK) requirements/transformers.in --override .cache/tmp/override.txt -o requirements/transformers.txt

clean: ## remove everything that make made
	rm -rf $(VENV) .cache .demo .bench build dist
