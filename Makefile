# `make` explains. Everything runs in .venv, built from requirements.lock when it is missing or the lock has changed.
# In an environment of your own (conda, see environment.yml): make reports PY=python

PROFILE ?= sample
ENV     ?= .venv
PYTHON  ?= python3
PY      ?= $(ENV)/bin/python
READY   := $(if $(filter $(ENV)/bin/python,$(PY)),$(ENV)/.ready)
RESUME  ?=
JOBS    ?=
BENCH   ?=
SETS    ?=
OPTIONS  = --profile $(PROFILE) $(if $(RESUME),--resume) $(if $(JOBS),--jobs $(JOBS))

.DEFAULT_GOAL := help
.PHONY: help env reports data test lint lab tensorboard bench format lock clean

help:  ## this list
	@echo "scanbook: five student assignments on medical images, run again properly"
	@echo
	@awk -F ':.*## ' '/^[a-z%-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PROFILE=sample|quick|full   DATA_DIR=folder of the real sets   RESUME=1 keeps what is done   JOBS=3"

env: $(READY)  ## build .venv from requirements.lock

$(ENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "Python 3.11 to 3.13 is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make env PYTHON=python3.11"; exit 1; }
	@echo "building $(ENV) from requirements.lock (about 6 GB on disk, a minute or more)"
	@rm -rf $(ENV)
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --python "$$(command -v $(PYTHON))" $(ENV) && \
	  uv pip install --quiet --python $(ENV)/bin/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(ENV)/bin/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv $(ENV) && \
	  $(ENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(ENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

reports: $(READY)  ## execute all notebooks and render reports/index.html and a page each
	@$(PY) -m scanbook report --all $(OPTIONS)

report-%: $(READY)  ## the same for one assignment: report-heart, -artery, -xray, -fetal, -lung, -summary
	@$(PY) -m scanbook report $* $(OPTIONS)

data: $(READY)  ## load the public sets to DATA_DIR (SETS="xray lung": these); says what helps where one does not come
	@$(PY) -m scanbook data $(if $(SETS),$(SETS),--all)

test: $(READY)  ## all tests; browser tests need Chromium and skip with a reason without it
	@$(PY) -m pytest

lint: $(READY)  ## ruff (lint, format) and types on public functions
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

lab: $(READY)  ## JupyterLab in notebooks/
	@$(PY) -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

tensorboard: $(READY)  ## training curves of all runs, on loopback
	@$(PY) -m tensorboard.main --logdir runs --host 127.0.0.1

bench: $(READY)  ## speed beside fastai and Keras, each in an environment of its own; BENCH=whole takes an hour
	@$(PY) benchmarks/speed $(if $(filter whole,$(BENCH)),--whole)

format: $(READY)  ## ruff format, and notebooks stripped of outputs
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix . && $(PY) -m nbstripout --keep-id notebooks/*.ipynb

lock:  ## resolve requirements.lock anew (needs uv)
	uv pip compile --quiet pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 \
	  --no-header --output-file requirements.lock

clean:  ## remove pages and caches; RUNS=1 also the finished runs; images are never touched
	@rm -rf cache .pytest_cache .mypy_cache .ruff_cache .hypothesis $(if $(RUNS),runs)
	@find reports -mindepth 1 ! -name README.md -delete
	@find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
