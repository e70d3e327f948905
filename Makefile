# Everything that a person or a build machine calls. `make setup` comes first by itself.

PYTHON ?= python3
BIN := .venv/bin
# More arguments for the tool behind a target: make test ARGS="-k uml"
ARGS ?=
# For make install: the root it goes below, and directories that differ, as packaging/install.py names them.
DESTDIR ?= /
DIRECTORIES ?=

.PHONY: help setup run picture test promises fuzz bench lint deb install clean

help:
	@echo 'make setup    install what is missing (it says what), make .venv with kmodd and kmoddctl'
	@echo 'make run      boot a real kernel in a process of yours and show kmodd at work in it'
	@echo 'make picture  draw the picture in the README anew, from such a machine'
	@echo 'make test     run every tier of the tests'
	@echo 'make promises write tests/PROMISES.md: which test shows which promise'
	@echo 'make fuzz     feed what kmodd reads with hostile bytes, a minute each (ARGS="--list" says what)'
	@echo 'make bench    measure, as ratios within one run'
	@echo 'make lint     ruff, mypy, import-linter'
	@echo 'make deb      build and check the Debian package in a clean chroot; it is in dist then'
	@echo 'make install  copy what is not Python below DESTDIR (for whoever builds a package)'
	@echo 'make clean    remove .venv and everything that was generated'

setup:
	@$(PYTHON) packaging/setup

run: setup
	@$(BIN)/python -m tests.support.uml.demo $(ARGS)

picture: setup
	$(BIN)/python -m tests.support.uml.picture

test: setup
	@$(BIN)/python -m tests $(ARGS)

promises: setup
	$(BIN)/python -m tests.support.coverage

fuzz: setup
	@$(BIN)/python -m tests.fuzz $(ARGS)

bench: setup
	PYTHONPATH=packaging $(BIN)/python -m bench $(ARGS)

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

deb:
	@$(PYTHON) packaging/setup mmdebstrap uidmap
	@cd packaging && $(PYTHON) -m deb $(ARGS)

install:
	$(PYTHON) packaging/install.py --destdir '$(DESTDIR)' $(DIRECTORIES)

clean:
	rm -rf .venv bench/out build dist *.egg-info .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
