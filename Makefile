# The two commands that matter: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
BIN := bin/spillway
GOBUILD := CGO_ENABLED=0 $(GO) build -trimpath
ARGS ?=

.PHONY: help
help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: packages-demo build ## render a real shot on a small hybrid farm on this machine (ARGS="--chaos --keep …")
	$(BIN) demo $(ARGS)

.PHONY: build
build: web ## build bin/spillway with the web page embedded
	@echo "building $(BIN)"
	$(GOBUILD) -o $(BIN) ./cmd/spillway

.PHONY: web
web: web/dist/index.html ## build the web page into web/dist

web/dist/index.html: $(shell find web/app -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	@command -v npm >/dev/null || { echo "Node (20 or later) with npm is needed to build the web page"; exit 1; }
	@echo "building the web page"
	cd web/app && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

.PHONY: test
test: packages-test azurite build ## all tests, with slices of the long ones (15 minutes on 2 cores)
	cd web/app && npm test --silent
	$(GO) vet ./...
	set +e; $(GO) test -race -json -timeout 20m ./... | $(GO) run ./test/summary

.PHONY: test-all
test-all: packages-test azurite build ## all tests, the long ones whole
	cd web/app && npm test --silent
	$(GO) vet ./...
	set +e; SPILLWAY_TEST_ALL=1 $(GO) test -race -json -timeout 120m ./... | $(GO) run ./test/summary

.PHONY: test-openjd
test-openjd: build ## outside cases of Open Job Description: CASES=<folder>, a table (SAMPLES=<folder>: bundles that must expand)
	@test -n "$(CASES)" || { echo "say where the cases are: make test-openjd CASES=<folder>"; exit 2; }
	$(GO) run ./test/openjdcases -binary $(BIN) $(CASES)
	@[ -z "$(SAMPLES)" ] || OPENJD_SAMPLES=$(abspath $(SAMPLES)) $(GO) test -count=1 -run TestOutsideBundles ./openjd

.PHONY: azurite
azurite: tools/azurite/node_modules/.package-lock.json ## the emulator of Azure Blob Storage, for tests

tools/azurite/node_modules/.package-lock.json: tools/azurite/package-lock.json
	@command -v npm >/dev/null || { echo "Node (20 or later) with npm is needed to install Azurite"; exit 1; }
	@echo "installing Azurite"
	cd tools/azurite && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: test-kernel
test-kernel: ## real Linux kernels as the filer's clients: that part of test-all alone (as root)
	@./scripts/kernel-client
	set +e; SPILLWAY_TEST_ALL=1 $(GO) test -race -json -timeout 120m ./test/kernel/... | $(GO) run ./test/summary

.PHONY: test-teeth
test-teeth: ## breaks rules of the filer one by one, each of which its crash harness must notice (ARGS="-run TestTeeth/data")
	SPILLWAY_TEST_TEETH=1 $(GO) test -v -count=1 -timeout 60m -run TestTeeth ./internal/filer $(ARGS)

.PHONY: bench-filer
bench-filer: packages-bench build ## the filer beside nfs-ganesha, as a table (ARGS="-rounds 5 -only read"; see bench/README.md)
	$(GO) run ./bench/filer -binary $(BIN) $(ARGS)

.PHONY: bench-wan
bench-wan: packages-bench build ## a filer at the far end of a long link, beside iperf3 (ARGS="-rtt 60ms -size 1073741824")
	$(GO) run ./bench/wan -binary $(BIN) $(ARGS)

.PHONY: bench-scale
bench-scale: build ## a filer that knows ten million files: memory, restart, files not in memory (ARGS="-files 1000000")
	$(GO) run ./bench/scale -binary $(BIN) $(ARGS)

.PHONY: bench-scheduler
bench-scheduler: ## the pure scheduler: a million tasks of 1,000 jobs to 10,000 nodes, with queues and limits
	$(GO) test ./internal/farm -run - -bench ScheduleMillion -benchtime 3x $(ARGS)

.PHONY: bench-mount
bench-mount: packages-bench build ## the mount's disk cache beside the local file, and a walk of 10,000 files
	$(GO) run ./bench/mount -binary $(BIN) $(ARGS)

.PHONY: bench-burst
bench-burst: ## simulated days of a farm with the burst planner and with others, beside an oracle (ARGS="-days 50 -only money")
	$(GO) run ./bench/burst $(ARGS)

.PHONY: fuzz
fuzz: ## every fuzz target for 30 s each
	./scripts/fuzz 30s

.PHONY: lint
lint: ## golangci-lint with the layer rules, buf lint (the page's linter runs with its tests)
	$(GO) tool -modfile=tools/golangci-lint/go.mod golangci-lint run ./...
	cd api && $(GO) tool -modfile=../tools/go.mod buf lint

.PHONY: proto
proto: ## generate the code of api/proto
	cd api && $(GO) tool -modfile=../tools/go.mod buf generate

.PHONY: openapi
openapi: ## write api/openapi.json anew from the server's operations
	$(GO) test ./internal/server/rest -run TestSpecIsGolden -update

.PHONY: packages-demo packages-test packages-bench
packages-demo:
	@./scripts/packages demo
packages-test:
	@./scripts/packages test
packages-bench:
	@./scripts/packages bench

.PHONY: clean
clean: ## remove what was built (not the demo's pictures)
	rm -rf bin web/dist/assets web/dist/index.html web/app/node_modules tools/azurite/node_modules
