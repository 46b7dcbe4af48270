# StreamScope. Bare `make` prints the targets. Needs Go (the version in go.mod) and git.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help build demo s3-server test test-shapes race check fmt vet lint bench bench-peers check-peers fuzz-smoke crash sim clean

GO        ?= go
BIN       := bin/streamscope
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME  ?= 3s
CRASH     ?= 30
SEEDS     ?= 10000
CODE      := netio ringlog shuffle state vertex control cmd bench

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the one binary into bin/streamscope
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o $(BIN) ./cmd/streamscope

demo: build ## run the job `flights`, show the worst hours and compare the whole result
	$(GO) run ./cmd/demo --bin $(BIN)

# Into Go's cache; a minute or two the first time. Tests that want it find it there.
s3-server: ## build the S3 server that tests run against, from the module in .ci/s3
	cd .ci/s3 && CGO_ENABLED=0 $(GO) tool -n versitygw

test: s3-server ## all tests, with a covering subset of the shapes
	$(GO) test -timeout 15m -skip "^TestChaosNetns" ./...
	$(GO) test -timeout 5m -v -run "^TestChaosNetns" ./cmd/streamscope ./cmd/streamscope/chaos
	@[ -d ../shared/data ] || echo "January was left out of the tests: its data are not at ../shared/data"

test-shapes: ## the full product of shapes (workers x tasks x ticks x limits x formats); takes long
	STREAMSCOPE_SHAPES=all $(GO) test -timeout 12h -count 1 -v -run '^TestShapes' ./cmd/streamscope

race: s3-server ## all tests under the race detector
	$(GO) test -race -timeout 30m ./...

check: fmt vet lint ## format, vet (also for arm64), static analysis, repository lint

fmt:
	@bad=$$(gofmt -l $$(ls -d $(CODE) 2>/dev/null)); if [ -n "$$bad" ]; then echo "not formatted (run gofmt -w):" $$bad; exit 1; fi

vet:
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...

lint:
	$(GO) tool staticcheck ./...
	$(GO) test -count 1 ./cmd/archtest

bench: build ## the standard set of measurements into bench/report, on an otherwise idle machine; BASE=report.json to compare
	mkdir -p bench/report
	$(BIN) bench run standard --runs 7 --json bench/report/report.json --html bench/report/report.html $(if $(BASE),--compare $(BASE))

# Their module follows the requirements of this one by itself (-mod=mod): a change here must not break them.
bench-peers: ## shuffles beside Go channels, NATS, gRPC and Arrow Flight in one run, into the same report
	cd bench/peers && CGO_ENABLED=0 $(GO) build -mod=mod -trimpath -o ../../bin/peers .
	bin/peers --json bench/report/report.json --html bench/report/report.html

check-peers: ## vet and test bench/peers, a module of its own
	cd bench/peers && $(GO) vet -mod=mod ./... && $(GO) test -mod=mod ./...

fuzz-smoke: ## every Fuzz function for FUZZTIME (default 3s)
	.ci/fuzz-smoke $(FUZZTIME)

# STREAMSCOPE_SEED=N repeats the run that printed N.
crash: ## the crash suites of logs, links and data directories, CRASH times as long as in make test (default 30); see docs/robustness.md
	STREAMSCOPE_CRASH=$(CRASH) $(GO) test -timeout 2h -count 1 -v -run 'KillNine|WhileUsed|SmallGroup|FullTmpfs|Limit' ./ringlog | grep -v '^=== '
	$(GO) test -timeout 2h -count 1 -run 'TornWrites|StaleLaps|AgainstModel' ./ringlog -rapid.checks $$((100 * $(CRASH)))
	STREAMSCOPE_CRASH=$(CRASH) $(GO) test -timeout 2h -count 1 -run 'BadNetworks' ./netio
	STREAMSCOPE_CRASH=$(CRASH) $(GO) test -timeout 2h -count 1 -run HurtDirectories ./cmd/streamscope
	STREAMSCOPE_PAUSE=60s $(GO) test -timeout 2h -count 1 -v -run ReadersPause ./shuffle | grep -v '^=== '
	$(GO) test -timeout 2h -count $(CRASH) ./netio/... ./shuffle/...

sim: ## the simulator over SEEDS schedules (default 10000)
	STREAMSCOPE_SEEDS=$(SEEDS) $(GO) test -timeout 6h -count 1 -v -run Seeds ./control/simtest/...

clean: ## remove what was built
	rm -rf bin
