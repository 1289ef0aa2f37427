# Everything one types here. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build dev asan test run bench fmt tidy clean

JOBS ?= 2
# Two test programs at a time; each starts its own servers on free ports. Nothing is asked a second time: a test that
# fails now and then has found something, in the program or in itself.
CTEST := ctest --output-on-failure --no-tests=error -j $(JOBS)
SOURCES := $(shell find controller tests -name '*.cpp' -o -name '*.h')

help:  ## what you are reading
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## install what building, running and testing need (Debian 12; asks sudo unless root)
	@tools/setup.sh test

build:  ## the program, as users run it: build/dbm
	@tools/setup.sh run
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS) --target dbm
	@strip -o build/dbm.new build/release/dbm && mv build/dbm.new build/dbm
	@echo "build/dbm, $$(du -h --apparent-size build/dbm | cut -f1)"

dev:  ## the program with fault injection points, and all tests: build/dev
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS)

asan:  ## the same under AddressSanitizer and UBSan: build/asan
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan -j $(JOBS)

test: setup build dev asan  ## every test, from nothing: what must pass before a change lands
	@status=0; \
	echo "== unit, golden, architecture, integration, fault"; \
	$(CTEST) --test-dir build/dev || status=1; \
	echo "== unit, integration and a crash workload, under AddressSanitizer and UBSan"; \
	$(CTEST) --test-dir build/asan -L 'unit|integration|fault' -E 'fault_(network|stopping)' || status=1; \
	echo "== the release"; \
	tools/check-release.sh || status=1; \
	exit $$status

run: build  ## the demo: a real migration through every phase on a throw-away PostgreSQL
	@tools/demo.sh

bench: setup build  ## speed and memory against psql and pg_dump, as ratios (never fails for slowness)
	@cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release -DDBM_TESTS=ON >/dev/null
	@python3 tests/bench/bench.py

fmt:  ## clang-format on all sources
	@tools/setup.sh tidy
	@clang-format -i $(SOURCES)

tidy:  ## clang-format and clang-tidy as judges: every finding is an error
	@tools/setup.sh tidy
	@clang-format --dry-run --Werror $(SOURCES)
	@cmake --preset dev >/dev/null
	@printf '%s\n' $(filter %.cpp,$(SOURCES)) | xargs -P $(JOBS) -n 4 clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p build/dev

clean:  ## remove build/
	@rm -rf build
