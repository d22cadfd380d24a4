# The project's commands. `make` lists them.
SHELL       := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export CGO_ENABLED ?= 0
# The same flags everywhere, so that builds, tests, and vet compile every package once.
export GOFLAGS ?= -trimpath
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Package versions start with a number. Between releases, they count commits.
PACKAGE_VERSION = $(shell git describe --tags --exact-match 2>/dev/null || echo "0.0.0-git.$$(git rev-list --count HEAD)")
GO_BUILD := go build -ldflags '-s -w -X main.version=$(VERSION)'
# A number of runs, or a time such as 1m. When a time ends, Go's fuzzer sometimes fails with "context deadline
# exceeded".
FUZZTIME ?= 5000x
# Instruments the package with the fuzz targets. `go test -fuzz` would compile every package again, including
# SQLite.
FUZZ_INSTRUMENT := -gcflags=-d=libfuzzer
# The race detector makes SQLite's own code ten times slower and finds nothing in it.
RACE := -race '-gcflags=github.com/ncruces/go-sqlite3-wasm/...=-race=false'
# Runs a command with a temporary PostgreSQL cluster in a folder of its own (-t), without TLS. Checking a
# password (--auth) takes longer than most tests of a query.
WITH_POSTGRESQL := PGSSLMODE=disable pg_virtualenv -t -i --auth=trust
BROWSER_TESTS := handlers/dashboard/browser
# The timeout is per package. It only ends tests that hang: a busy machine may be many times slower than
# a quiet one. More packages and tests run at once than there are cores, because tests often wait for leases,
# processes, and PostgreSQL. lint runs vet, and linking takes a third less time without debugging information (-w).
GO_TIMEOUT := 60m
GO_TEST := -timeout $(GO_TIMEOUT) -p 4 -parallel 4 -vet=off -ldflags=-w

##@ Run

.PHONY: demo
demo: ## Run a demo with 90 days of sample data and print a sign-in link
	go run ./cmd/skipup demo

.PHONY: run
run: ## Start the server on an embedded database and print a setup link
	go run ./cmd/skipup serve

.PHONY: build
build: ## Build bin/skipup
	$(GO_BUILD) -o bin/skipup ./cmd/skipup

.PHONY: package
package: ## Build a deb, an rpm, and an archive for this machine into bin/release
	cmd/skipup/package/build.sh $(PACKAGE_VERSION) bin/release $$(go env GOARCH)

.PHONY: release
release: ## Build the packages and archives for all architectures, with SBOMs and checksums, into bin/release
	cmd/skipup/package/build.sh $(PACKAGE_VERSION) bin/release

##@ Develop

.PHONY: dev
dev: node_modules ## Start the server with live reload on http://127.0.0.1:7331
	trap 'kill 0' EXIT; \
	npm run watch --silent & \
	SKIPUP_PUBLIC_URL=http://127.0.0.1:7331 go tool templ generate --watch --open-browser=false \
	  --proxy=http://127.0.0.1:8080 --cmd='go run ./cmd/skipup serve'

.PHONY: generate
generate: node_modules ## Regenerate pages and assets
	npm run build --silent
	go tool templ generate

node_modules: package-lock.json
	npm ci --no-audit --no-fund --loglevel=error

##@ Check

.PHONY: test
test: prepare ## Run all tests and report every failure
	@MAKE='$(MAKE)' .ci/steps test-race test-race-serve test-commands test-torture test-browser

# The tests of models take the longest, so they start first.
.PHONY: test-race
test-race: ## Run the tests of models, handlers, and web on SQLite and PostgreSQL with the race detector
	CGO_ENABLED=1 $(WITH_POSTGRESQL) go test $(GO_TEST) $(RACE) ./models ./models/... ./handlers/... ./web/...

# Commands run as processes of their own, which start four times slower with the race detector, and only the
# server has goroutines.
.PHONY: test-race-serve
test-race-serve: ## Run the tests of the server's command on SQLite with the race detector
	CGO_ENABLED=1 go test $(GO_TEST) $(RACE) -short -run '^Test(Serve|Signal|Drain|TLS)' ./cmd/skipup

.PHONY: test-commands
test-commands: ## Run the tests of commands and pages on SQLite and PostgreSQL
	$(WITH_POSTGRESQL) go test $(GO_TEST) $$(go list ./cmd/... ./views/... ./static/... | grep -v /torture$$)

.PHONY: test-torture
test-torture: ## Run the torture tests for about two minutes; they need the machine to themselves
	go test -v -vet=off -timeout $(GO_TIMEOUT) -parallel 10 ./cmd/skipup/torture

.PHONY: test-browser
test-browser: build ## Run the browser tests
	npx playwright test --config $(BROWSER_TESTS) --grep-invert @thorough

.PHONY: accessibility
accessibility: prepare build ## Check every page in dark mode, on a phone, and with two more engines
	npx playwright test --config $(BROWSER_TESTS) --grep @thorough

.PHONY: test-go
test-go: ## Run the quick Go tests, without PostgreSQL
	go test -short ./...

.PHONY: check
check: ## Run all CI checks and report every failure
	@MAKE='$(MAKE)' .ci/run

.PHONY: generated
generated: prepare ## Check that the generated files are up to date
	npm run build --silent
	go tool templ generate
	@git diff --exit-code --stat -- static views || { echo "Generated files are out of date. Run 'make generate' and commit the changes." >&2; exit 1; }
	@test -z "$$(git status --porcelain -- static views)" || { git status --short -- static views; echo "Generated files are not committed. Add them." >&2; exit 1; }

.PHONY: lint
lint: ## Check formatting, vet, and staticcheck
	@unformatted=$$(git ls-files '*.go' | grep -v '_templ\.go$$' | xargs gofmt -l); \
	  test -z "$$unformatted" || { echo "Run gofmt -w on:" >&2; echo "$$unformatted" >&2; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff
	go mod verify

.PHONY: clients
clients: node_modules build ## Generate API clients and test one against the server
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx redocly lint --extends recommended-strict static/openapi.yaml docs/verify-openapi.yaml
	@out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; set -x; \
	npx openapi-typescript static/openapi.yaml --root-types --output "$$out/client.ts"; \
	cd handlers/api/clienttest; \
	go tool ogen --loglevel error --target "$$out/ogen" ../../../static/openapi.yaml; \
	go tool oapi-codegen -generate types,client -package clienttest -o "$$out/client.go" ../../../static/openapi.yaml; \
	echo "{\"Replace\": {\"$$PWD/client.go\": \"$$out/client.go\"}}" > "$$out/overlay.json"; \
	go test -count=1 -overlay "$$out/overlay.json" .; \
	go mod tidy -diff

.PHONY: fuzz
fuzz: ## Run each fuzz target FUZZTIME times (5000x)
	@out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; cache=$$(go env GOCACHE)/fuzz/$$(go list -m); \
	for package in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  go test -c -o "$$out/fuzz.test" $(FUZZ_INSTRUMENT) ./$$package; \
	  for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$package/*_test.go | cut -c6-); do \
	    echo "$$package $$target"; \
	    (cd $$package; "$$out/fuzz.test" -test.short -test.run '^$$' -test.fuzz "^$$target$$" -test.fuzztime $(FUZZTIME) -test.fuzzcachedir "$$cache/$$package"); \
	  done; \
	done

.PHONY: vulnerabilities
vulnerabilities: ## Check for known vulnerabilities, if their database is reachable
	@if curl --silent --fail --max-time 10 --output /dev/null https://vuln.go.dev/index/db.json; then go tool govulncheck ./...; \
	  else echo "Skipped: the vulnerability database isn't reachable."; fi

.PHONY: test-package
test-package: prepare ## Install, upgrade, and remove the deb in a folder, and check its unit and the container image
	.ci/package
	.ci/image

# Without a release, or to test an upgrade from another version: make test-upgrade EARLIER=COMMIT.
.PHONY: test-upgrade
test-upgrade: prepare ## Upgrade nodes of the latest release, or of EARLIER, one by one under load, and go back
	@earlier=$${EARLIER:-$$(git describe --tags --abbrev=0 HEAD^ 2>/dev/null || true)}; \
	if [ -z "$$earlier" ]; then echo "Skipped: there is no earlier release. Set EARLIER to a commit."; exit; fi; \
	dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; set -x; \
	git archive "$$earlier" | tar --extract --directory "$$dir"; \
	(cd "$$dir" && go build -o "$$dir/skipup" ./cmd/skipup); \
	EARLIER_PROGRAM="$$dir/skipup" $(WITH_POSTGRESQL) go test -v -count=1 -vet=off -run '^TestRollingRestart$$' ./cmd/skipup

.PHONY: torture
torture: prepare ## Test for TORTURE_TIME (10m) that deletions are immediate under faults
	TORTURE_TIME=$${TORTURE_TIME:-10m} go test -v -count=1 -timeout 0 -parallel 10 ./cmd/skipup/torture

.PHONY: bench
bench: prepare ## Measure the cost of authentication, deletions, and usage, and run the benchmarks
	go build -o bin/bench ./cmd/bench
	GOBIN='$(CURDIR)/bin' go install github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6
	PATH="$(CURDIR)/bin:$$PATH" $(WITH_POSTGRESQL) bin/bench
	$(WITH_POSTGRESQL) go test -run '^$$' -bench . -benchmem -cpu 1,2 ./...

.PHONY: screenshots
screenshots: prepare build ## Take screenshots of every page into screenshots/, and those in .github
	npx playwright test --config $(BROWSER_TESTS)/screenshots.config.js

.PHONY: lighthouse
lighthouse: prepare build ## Measure the accessibility and the performance of pages with Lighthouse
	node $(BROWSER_TESTS)/lighthouse.js

.PHONY: prepare
prepare:
	@.ci/prepare

.PHONY: clean
clean: ## Delete build and test output, but not the database
	rm -rf bin screenshots test-results node_modules

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
