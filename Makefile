# The targets of the house. GO chooses another toolchain; ARGS go to `make run`.
GO   ?= go
LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.13.1

# The race detector needs a C compiler; without one the same tests run without it.
RACE := $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race,)
# Suites that start the built program or move much content run on plain binaries.
PLAIN := trivium/tests/(e2e|crash|bench|damage|faults)

.PHONY: run build test soak lint bench

run: build
	exec bin/trivium serve $(ARGS)

build:
	$(GO) build -o bin/trivium ./cmd/trivium

# Real clients are used where they are there; TRIVIUM_TEST_CLIENTS=required makes a missing one a failure.
test:
	$(GO) vet ./...
	$(GO) test $(RACE) -timeout 15m $$($(GO) list ./... | grep -Ev '^$(PLAIN)(/|$$)')
	$(GO) test -tags crashpoints -run '^TestCrash' ./cmd/trivium
	$(GO) test -count=1 -timeout 30m $$($(GO) list ./... | grep -E '^$(PLAIN)(/|$$)')

soak:
	TRIVIUM_SOAK=1 $(GO) test -count=1 -timeout 12h -v ./tests/crash/... ./tests/model/... ./tests/faults/... ./tests/damage/... ./tests/crossdoor
	TRIVIUM_SOAK=1 $(GO) test -count=1 -timeout 12h -v -run '^TestSoak' ./tests/e2e/

lint:
	$(LINT) run ./...

bench:
	$(GO) run ./tests/bench $(ARGS)
