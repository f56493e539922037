# make demo [ONCE=1]   the whole job, with a simulated printer and camera
# make test            everything that guards the project
# make bench [FIGURES="latency slow"]   the benchmarks; or single figures
# make bench-timelapse [SETS=scene]   our videos against moonraker-timelapse's
# make endurance       SIGKILL at every step on the disk, and a day of hyperlapse; minutes
# make fuzz [FUZZ_SECONDS=60]   hostile streams against the scanner; needs clang
# make cross           the C core on 64- and 32-bit ARM, emulated; names what it needs
# make docs            the parts of docs/ that the code describes
# make wheels          source distribution and wheels, for ARM as well; into dist/
# make proto           the Python modules of proto/
# make format          let ruff lay out the code
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Relative paths only: the checkout may lie in a folder with a blank in its name.
PYTHON ?= python3
BIN := .venv/bin
MOONRAKER := .venv-moonraker
MOONRAKER_VERSION := 0.11.0
BUILD := pyproject.toml setup.py $(wildcard ext/*.pyx ext/*.pxd ext/*.h)
# How many unit tests run at once; most of their time is spent waiting.
WORKERS ?= 2
PIP_FLAGS := --disable-pip-version-check --quiet
export PYTHONUNBUFFERED := 1
export PRUSACAM_MOONRAKER_PYTHON ?= $(CURDIR)/$(MOONRAKER)/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit integration bench bench-timelapse fuzz cross \
        endurance docs proto wheels format clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: .venv/demo.stamp $(MOONRAKER)/moonraker.stamp
	@$(BIN)/prusacam demo --output .demo $(if $(filter-out 0,$(ONCE)),--once)

test: lint types unit integration

lint: .venv/test.stamp
	@echo "== lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/test.stamp
	@echo "== types"
	@$(BIN)/mypy

unit: .venv/test.stamp
	@echo "== unit tests"
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -p no:benchmark tests/unit

integration: .venv/test.stamp $(MOONRAKER)/moonraker.stamp
	@echo "== integration tests with Moonraker $(MOONRAKER_VERSION)"
	@$(BIN)/python -m pytest tests/integration

bench: .venv/test.stamp $(MOONRAKER)/moonraker.stamp
	@$(if $(FIGURES),,$(BIN)/python -m pytest -q tests/benchmarks)
	@$(BIN)/python -m tests.benchmarks $(FIGURES)

docs: .venv/test.stamp
	@$(BIN)/python -m tests.reference

proto: .venv/test.stamp
	@$(BIN)/protoc -Iproto --python_out=pyi_out:moonraker_prusacam/pb proto/*.proto

FUZZ_SECONDS ?= 60
fuzz: .venv/test.stamp
	@$(BIN)/python -m tests.fuzz.corpus build/fuzz/corpus
	@clang -std=c11 -D_POSIX_C_SOURCE=200809L -g -O1 -Wall -Wextra -DWITH_LIBFUZZER \
	  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	  -Iext tests/fuzz/fuzz_scan.c -o build/fuzz/fuzz_scan
	@build/fuzz/fuzz_scan -dict=tests/fuzz/jpeg.dict -max_len=6000 -timeout=10 \
	  -artifact_prefix=build/fuzz/ -max_total_time=$(FUZZ_SECONDS) build/fuzz/corpus

endurance: .venv/test.stamp
	@PRUSACAM_ENDURANCE=1 $(BIN)/python -m pytest -s \
	  tests/integration/test_kill_points.py tests/integration/test_hyperlapse.py \
	  tests/integration/test_prusa_camera_kill.py

cross: .venv/test.stamp
	@$(BIN)/python -m tests.native.cross

wheels: .venv/test.stamp
	@$(BIN)/python -m pip install $(PIP_FLAGS) --editable '.[wheels]'
	@.ci/wheels

format: .venv/test.stamp
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf .venv $(MOONRAKER) build .demo

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; say make PYTHON=python3.12"; exit 1; }
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv \
	  || { echo "Debian: sudo apt install python3-venv"; rm -rf .venv; exit 1; }

.venv/demo.stamp: .venv/bin/python $(BUILD)
	@echo "Installing prusacam into .venv (a minute or two the first time)"
	@$(BIN)/python -m pip install $(PIP_FLAGS) --editable '.[demo]'
	@$(BIN)/prusacam --version
	@touch $@

.venv/test.stamp: .venv/bin/python $(BUILD)
	@echo "Installing prusacam and its tools into .venv (a minute or two the first time)"
	@$(BIN)/python -m pip install $(PIP_FLAGS) --editable '.[test]'
	@$(BIN)/prusacam --version
	@touch $@ .venv/demo.stamp

$(MOONRAKER)/moonraker.stamp: Makefile
	@echo "Installing Moonraker $(MOONRAKER_VERSION) into $(MOONRAKER) (a minute the first time)"
	@test -x $(MOONRAKER)/bin/python || $(PYTHON) -m venv $(MOONRAKER)
	@$(MOONRAKER)/bin/python -m pip install $(PIP_FLAGS) 'moonraker==$(MOONRAKER_VERSION)'
	@touch $@

bench-timelapse: .venv/test.stamp
	@$(BIN)/python -m tests.bench_timelapse $(SETS)
