# What is done with this project, each as one command. `make` lists them.
SHELL       := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export CGO_ENABLED ?= 0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO_BUILD := go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
FUZZTIME ?= 5s
# SQLite's own code has no use for the race detector, which makes it ten times as slow.
RACE := -race '-gcflags=github.com/ncruces/go-sqlite3-wasm/...=-race=false'
# Runs a command with a PostgreSQL of its own, -t: in a folder of its own, so that no other is in its way.
WITH_POSTGRESQL := pg_virtualenv -t
BROWSER_TESTS := handlers/dashboard/browser

##@ Use it

.PHONY: demo
demo: ## Look at it: a workspace with ninety days behind it; it prints the link that signs in
	go run ./cmd/skipup demo

.PHONY: run
run: ## Start it on an embedded database; it prints the link to set it up
	go run ./cmd/skipup serve

.PHONY: build
build: ## Build the program: bin/skipup
	$(GO_BUILD) -o bin/skipup ./cmd/skipup

##@ Change it

.PHONY: dev
dev: node_modules ## Start it with live reload of pages, styles and code on http://127.0.0.1:7331
	trap 'kill 0' EXIT; \
	npm run watch --silent & \
	SKIPUP_PUBLIC_URL=http://127.0.0.1:7331 go tool templ generate --watch --open-browser=false \
	  --proxy=http://127.0.0.1:8080 --cmd='go run ./cmd/skipup serve'

.PHONY: generate
generate: node_modules ## Make the generated files again: pages and assets
	npm run build --silent
	go tool templ generate

node_modules: package-lock.json
	npm ci --no-audit --no-fund --loglevel=error

##@ Check it

.PHONY: test
test: prepare build ## Run every test: unit, SQLite, PostgreSQL, race, browser
	CGO_ENABLED=1 $(WITH_POSTGRESQL) go test -timeout 20m $(RACE) $$(go list ./... | grep -v /torture$$)
	go test ./cmd/skipup/torture # by itself: it needs the machine, and looks for races between processes
	npx playwright test --config $(BROWSER_TESTS)

.PHONY: test-go
test-go: ## Run the Go tests without PostgreSQL and without a browser
	go test -short ./...

.PHONY: check
check: test generated lint fuzz vulnerabilities ## Run all that CI runs

.PHONY: generated
generated: prepare ## See that the generated files are up to date
	npm run build --silent
	go tool templ generate
	@git diff --exit-code --stat -- static views || { echo "The generated files are out of date: run 'make generate' and commit what it changes." >&2; exit 1; }
	@test -z "$$(git status --porcelain -- static views)" || { git status --short -- static views; echo "Generated files are not committed: add them." >&2; exit 1; }

.PHONY: lint
lint: ## See that the code is formatted and passes vet and staticcheck
	@unformatted=$$(git ls-files '*.go' | grep -v '_templ\.go$$' | xargs gofmt -l); \
	  test -z "$$unformatted" || { echo "Run gofmt -w on:" >&2; echo "$$unformatted" >&2; exit 1; }
	go vet ./...
	go vet -tags defects ./...
	go tool staticcheck ./...
	go mod tidy -diff
	go mod verify

.PHONY: fuzz
fuzz: ## Run every fuzz target for a short while (FUZZTIME each)
	@for package in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$package/*_test.go | cut -c6-); do \
	    echo "$$package $$target"; go test -short -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) ./$$package; \
	  done; \
	done

.PHONY: vulnerabilities
vulnerabilities: ## Look for known vulnerabilities, where their database can be reached
	@if curl --silent --fail --max-time 10 --output /dev/null https://vuln.go.dev/index/db.json; then go tool govulncheck ./...; \
	  else echo "The vulnerability database cannot be reached from here: not checked."; fi

.PHONY: torture
torture: prepare ## Prove for TORTURE_TIME (10m) that deletions are immediate, under stops, kills and cuts
	TORTURE_TIME=$${TORTURE_TIME:-10m} go test -v -count=1 -timeout 0 ./cmd/skipup/torture

.PHONY: bench
bench: prepare ## Measure what authentication, deletions and usage cost, then run the benchmarks
	go build -o bin/bench ./cmd/bench
	$(WITH_POSTGRESQL) bin/bench
	$(WITH_POSTGRESQL) go test -run '^$$' -bench . -benchmem -cpu 1,2 ./...

.PHONY: screenshots
screenshots: prepare build ## Take a picture of every page and state into screenshots/, and those of the README
	npx playwright test --config $(BROWSER_TESTS)/screenshots.config.js

.PHONY: prepare
prepare:
	@.ci/prepare

.PHONY: clean
clean: ## Delete what was built and tested; the database stays
	rm -rf bin screenshots test-results node_modules

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
