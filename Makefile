# The commands of the project; `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

# Two processes of one thread each: more threads would wait for each other.
SIDE_BY_SIDE := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test test-full test-browser check fix docs pictures screenshots bench bench-full results

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: .venv/demo.installed  ## train the date translator, judge it, show what it looks at (2 minutes)
	$(BIN)/regard train translator dates --run runs/dates --overwrite
	$(BIN)/regard explain runs/dates --samples 5
	@echo "the report, in one page: runs/dates/report.html"

test: .venv/dev.installed  ## the whole test suite
	$(SIDE_BY_SIDE)

test-full: .venv/dev.installed  ## the whole test suite, with the whole grid of the conformance tests
	$(SIDE_BY_SIDE) -m 'full or not full'

test-browser: .venv/dev.installed  ## the pages in a real browser (Chromium, installed where it is missing)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
		|| command -v google-chrome >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq chromium; } \
		|| { echo "Chromium is missing: apt-get install chromium, as root, or whatever your system has"; exit 1; }
	OMP_NUM_THREADS=1 $(BIN)/pytest -m browser tests/browser

check: .venv/dev.installed  ## format, lint, types, layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	$(BIN)/lint-imports

fix: .venv/dev.installed  ## format and mend what can be mended by itself
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: .venv/bench.installed  ## measure every claim beside the peers (some minutes, on an idle machine)
	$(BIN)/python benchmarks/run.py

bench-full: .venv/bench.installed  ## all shapes and lengths; writes docs/performance.md and its picture
	$(BIN)/python benchmarks/run.py --full

results: .venv/dev.installed  ## train and measure what docs/results.md tells (hours; PART=sentiment: one part of it)
	$(BIN)/python benchmarks/published $(or $(PART),all)

pictures: .venv/dev.installed  ## draw the pictures of the documentation anew, each from the code it shows
	$(BIN)/python docs/pictures

screenshots: .venv/dev.installed  ## take the pictures of pages anew, in a real browser (trains a translator: some minutes)
	$(BIN)/python docs/screenshots.py

docs: .venv/docs.installed  ## the documentation, as pages, in docs/_build
	$(BIN)/sphinx-build --fail-on-warning --keep-going -b html docs docs/_build

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "regard needs Python 3.11 or later; PYTHON=... chooses one")'
	$(PYTHON) -m venv .venv
	@ln -sf bin/python .venv/python

# A stamp is as new as the last installation; a change of what is needed makes it old.
.venv/demo.installed: .venv/python pyproject.toml constraints.txt
	@echo "installing into .venv: a few minutes the first time"
	$(INSTALL) --editable '.[train,text,image,view,serve]'
	@touch $@

.venv/dev.installed: .venv/python pyproject.toml constraints.txt
	@echo "installing into .venv: a few minutes the first time"
	$(INSTALL) --editable '.[train,text,image,view,serve,dev]'
	@touch $@ .venv/demo.installed

.venv/bench.installed: .venv/dev.installed
	$(INSTALL) --editable '.[train,text,image,view,serve,dev,bench]'
	@touch $@

.venv/docs.installed: .venv/dev.installed
	$(INSTALL) --editable '.[train,text,image,view,serve,dev,docs]'
	@touch $@
