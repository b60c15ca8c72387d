# Sluice. `make` alone lists what can be made; CONTRIBUTING.md says more.

.DEFAULT_GOAL := help
.PHONY: help demo test contract check lint format build run bench bench-smoke profile clean
SHELL := /bin/bash

# Arguments for `make demo`, `make run` and `make test`.
ARGS ?=
# The toolchain: the one in PATH, or the one that scripts/find-swift.sh finds.
SWIFT ?= $(shell scripts/find-swift.sh 2>/dev/null || echo swift)
# The build refuses imports that Package.swift's table does not allow.
BUILD_FLAGS := --explicit-target-dependency-import-check error
FORMATTED := Package.swift Sources Tests $(wildcard Benchmarks)

help: ## List what can be made
	@echo "Usage: make TARGET [ARGS='...'] [SWIFT=/path/to/swift]"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

demo: ## Everything, embedded, with live numbers; balances the books at the end (ARGS: see sluice demo --help)
	@scripts/setup.sh demo
	"$(SWIFT)" build -c release --product sluice $(BUILD_FLAGS)
	.build/release/sluice demo $(ARGS)

test: ## Lint, build with all checks, and run all tests (ARGS: e.g. --filter TidyTests)
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory lint
	@$(if $(ARGS),true,SWIFT="$(SWIFT)" scripts/bench.sh smoke)
	@SWIFT="$(SWIFT)" scripts/test.sh $(ARGS)

contract: ## What real Odoo servers said, asked of the stand-in (and of a real Odoo: SLUICE_ODOO_URL, _DATABASE, _LOGIN, _KEY)
	@scripts/setup.sh test
	@SWIFT="$(SWIFT)" scripts/test.sh --filter '^ContractTests\.|OdooStandInRecordingsTests'

check: test ## The same as test: what has to be green before a change goes in

lint: ## Check the format of the sources
	"$(SWIFT)" format lint --strict --recursive --parallel $(FORMATTED)

format: ## Put the sources into the project's format
	"$(SWIFT)" format --in-place --recursive --parallel $(FORMATTED)

build: ## Build the release executable: .build/release/sluice
	@scripts/setup.sh demo
	"$(SWIFT)" build -c release --product sluice $(BUILD_FLAGS)

run: build ## Build and run sluice (ARGS: e.g. 'run --config FOLDER')
	.build/release/sluice $(ARGS)

bench: ## Measure, into .build/bench (PART=speed|latency|memory|scale|odoo|orders|micro for one part; ARGS: e.g. --json)
	@scripts/setup.sh demo >&2
	@SWIFT="$(SWIFT)" scripts/bench.sh $(if $(PART),--part $(PART)) $(ARGS)

bench-smoke: ## Run every part of the bench for seconds on the mock cluster, to see that it works
	@SWIFT="$(SWIFT)" scripts/bench.sh smoke $(ARGS)

profile: ## The twenty functions of the hot path that cost most (perf, else callgrind)
	@scripts/setup.sh demo >&2
	@SWIFT="$(SWIFT)" scripts/bench.sh profile

clean: ## Delete everything that was built
	rm -rf .build
