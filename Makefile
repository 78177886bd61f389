# Two commands do everything on a fresh machine: `make serve` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BUILD := build
JOBS ?= $(shell nproc)
CONFIG ?= configs/default.yaml
SEED ?= 7

# Compiler results are shared between clones: paths below this folder count as relative.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

.PHONY: help sbom conformance setup setup-test serve test smoke release dev asan asan-bytes tsan tsan-bytes fuzz \
        bench probe learn format format-check tidy new ci clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: ## install what a build needs (packages, libraries); says what it does and why
	@tools/setup.sh --for build

setup-test: ## install what the tests need beside that
	@tools/setup.sh --for build --for test

release: setup ## build build/release/thalamus and build/release/thalamus-host
	@cmake --preset release -DTHALAMUS_TESTS=OFF > /dev/null
	@cmake --build --preset release --parallel $(JOBS)

dev: setup-test ## debug build with assertions and tests
	@cmake --preset dev > /dev/null
	@cmake --build --preset dev --parallel $(JOBS)

serve: ## the main job: set up, build, fetch models, learn the snapshot, serve on 127.0.0.1:8080
	@tools/setup.sh --for build --for serve --models
	@$(MAKE) --no-print-directory release learn
	@exec $(BUILD)/release/thalamus serve --config $(CONFIG) --hints

learn: ## learn data/auto.snapshot from the recorded outcomes if it is not there
	@tools/learn_default.sh

test: setup-test ## set up (models too, for the test that asks them), build and run every test
	@tools/setup.sh --for serve --models || \
	  echo "warning: the default models could not be fetched; the test that asks them will say that it is skipped" >&2
	@cmake --preset release -DTHALAMUS_TESTS=ON > /dev/null
	@cmake --build --preset release --parallel $(JOBS)
	@ctest --test-dir $(BUILD)/release --output-on-failure --no-tests=error -j 2

smoke: setup-test ## the unit tests alone, under a minute once built
	@cmake --preset release -DTHALAMUS_TESTS=ON > /dev/null
	@cmake --build --preset release --parallel $(JOBS)
	@ctest --test-dir $(BUILD)/release --output-on-failure --no-tests=error -j 2 -L unit

conformance: ## install the official clients (Python, JavaScript) and run them all against a live gateway
	@tools/setup.sh --for build --for test --for conformance
	@cmake --preset release -DTHALAMUS_TESTS=ON > /dev/null
	@cmake --build --preset release --parallel $(JOBS) --target thalamus scripted-upstream
	@python3 -B tests/conformance/run.py --build $(BUILD)/release

asan: setup-test ## unit and contract tests and a minute of fuzzing under AddressSanitizer and UBSan
	@cmake --preset asan > /dev/null
	@cmake --build --preset asan --parallel $(JOBS)
	@ctest --test-dir $(BUILD)/asan --output-on-failure --no-tests=error -j 2 -L unit

asan-bytes: setup-test ## the same of what handles bytes from outside alone: a third of the compiling
	@cmake --preset asan > /dev/null
	@cmake --build --preset asan --parallel $(JOBS) --target byte_tests
	@ctest --test-dir $(BUILD)/asan --output-on-failure --no-tests=error -j 2 -L bytes

tsan: setup-test ## the concurrent parts under ThreadSanitizer
	@cmake --preset tsan > /dev/null
	@cmake --build --preset tsan --parallel $(JOBS) --target tsan_tests
	@ctest --test-dir $(BUILD)/tsan --output-on-failure --no-tests=error -L concurrent

tsan-bytes: setup-test ## the same without the gateway
	@cmake --preset tsan > /dev/null
	@cmake --build --preset tsan --parallel $(JOBS) --target test_dispatch test_trace
	@ctest --test-dir $(BUILD)/tsan --output-on-failure --no-tests=error -L concurrent -L bytes

fuzz: setup-test ## run every fuzzer for SECONDS_EACH (default 60)
	@cmake --preset fuzz > /dev/null
	@cmake --build --preset fuzz --parallel $(JOBS) --target fuzzers
	@tools/run_fuzzers.sh $(BUILD)/fuzz $${SECONDS_EACH:-60}

sbom: release ## build/release/sbom.json (CycloneDX) and NOTICES.txt: what is inside the executables
	@python3 tools/sbom.py --build $(BUILD)/release --out $(BUILD)/release/sbom.json --notices $(BUILD)/release/NOTICES.txt

bench: ## overhead against a direct call and nginx, interleaved; prints the table of docs/overhead.md
	@tools/setup.sh --for build --for test --for bench
	@cmake --preset release -DTHALAMUS_TESTS=OFF -DTHALAMUS_BENCH=ON > /dev/null
	@cmake --build --preset release --parallel $(JOBS)
	@python3 bench/overhead.py --build $(BUILD)/release

probe: release ## record the default targets' outcomes anew on this machine (data/probe-local.jsonl.gz)
	@tools/setup.sh --for serve --models
	@$(BUILD)/release/thalamus probe --config $(CONFIG) --targets small,large --seed $(SEED) --per-cell 12 \
	  --out data/probe-local.jsonl.gz

format: ## format the C++ sources
	@git ls-files '*.cpp' '*.h' | xargs clang-format-19 -i

format-check: ## fail where a source is not formatted
	@git ls-files '*.cpp' '*.h' | xargs clang-format-19 --dry-run -Werror

tidy: ## clang-tidy on the files changed since BASE (default HEAD)
	@tools/tidy_changed.sh $${BASE:-HEAD}

new: ## make new KIND=router NAME=foo: source, registration line and test of a new method
	@python3 tools/new_method.py "$(KIND)" "$(NAME)"

ci: ## exactly what CI runs
	@bash .ci/run

clean: ## remove the build folders
	@rm -rf $(BUILD)
