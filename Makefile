# Sluice: `make help` says what there is. Needs Go, npm, make and bash; everything else is installed here, pinned.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

# One set of flags for every build on this machine, so that each package is compiled once.
GO_BUILD     := CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w'
FUNCTIONS    := $(patsubst functions/%/main.go,%,$(wildcard functions/*/main.go))
PROGRAMS     := $(addprefix ./functions/,$(FUNCTIONS)) ./scripts/sluice
TOOLS_STAMP  := scripts/tools/node_modules/.package-lock.json
PRIVATE      := .sluice
LINT_VERSION := v2.15.0
LINT         := $(PRIVATE)/bin/golangci-lint-$(LINT_VERSION)

# What `sam build` passes in; a bundle for another processor: make build LAMBDA_GOARCH=amd64.
LAMBDA_GOARCH ?= arm64
SAM           ?=

.PHONY: help
help: ## say what there is (the default)
	@echo 'Sluice: an API management platform for your own cloud account.'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '`make run` reads SLUICE_GATEWAY_ADDR, SLUICE_MANAGEMENT_ADDR, SLUICE_DATA_DIR, SLUICE_ADMIN_KEY,'
	@echo 'SLUICE_DEMO=off and SLUICE_LOCAL_FLAGS: see scripts/README.md.'

.PHONY: run
run: ## install what is missing, build, start the local cloud with demo data; ^C ends it
	@echo '[1/4] tools: the DynamoDB engine'
	@$(MAKE) tools
	@echo '[2/4] modules: the Go packages that go.mod pins'
	@$(MAKE) modules
	@echo '[3/4] programs: $(words $(FUNCTIONS)) functions and the command line'
	@$(MAKE) programs
	@echo '[4/4] starting the local cloud'
	@exec bin/sluice local --with-parent $(SLUICE_LOCAL_FLAGS)

.PHONY: drill
FAULT ?= store=down:60s@20s
drill: ## `make run` in which something fails: FAULT=store=down:60s@20s (scripts/README.md: the drill)
	@$(MAKE) run SLUICE_LOCAL_FLAGS="$(SLUICE_LOCAL_FLAGS) --fault '$(FAULT)'"

.PHONY: test
test: ## install what is missing and run every test that needs no cloud and no browser
	@$(MAKE) tools
	go test ./...

.PHONY: build
build: ## `sam build` for the cloud; installs the SAM CLI here if there is none (SAM=path of yours)
	@sam=$(SAM); sam=$${sam:-$$(command -v sam || echo "$$(test/deploy/tools.sh sam)/bin/sam")}; \
	  SAM_CLI_TELEMETRY=0 LAMBDA_GOARCH=$(LAMBDA_GOARCH) "$$sam" build

.PHONY: check
check: format vet lint race structure store promises fleet management templates deploy ## what CI runs: all of the parts below, in this order
	@echo 'check: all of it passed'

# --- what is installed and built here ---------------------------------------------------------------------------------

.PHONY: tools
tools: $(TOOLS_STAMP) ## install the pinned programs that npm brings
	@:

$(TOOLS_STAMP): scripts/tools/package-lock.json
	@cd scripts/tools && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Loading the packages fetches their modules and says how many there are to compile.
.PHONY: modules
modules:
	@mkdir -p bin
	@go list -tags lambda.norpc -deps $(PROGRAMS) 2> >(grep --line-buffered -v '^go: finding' >&2) | wc -l > bin/.packages

.PHONY: programs
programs:
	@mkdir -p bin/built $(addprefix bin/functions/,$(FUNCTIONS))
	@total=$$(cat bin/.packages 2>/dev/null || echo '?'); $(GO_BUILD) -v -o bin/built/ $(PROGRAMS) 2>&1 | awk -v total="$$total" \
	  '/^[^ ]+$$/ { if (++n % 25 == 0) { print "      compiled " n " of at most " total " packages"; fflush() }; next } { print; fflush() }'
	@for f in $(FUNCTIONS); do ln -f bin/built/$$f bin/functions/$$f/bootstrap; done
	@ln -f bin/built/sluice bin/sluice

# `sam build` calls build-<LogicalId>: AuthorizerFunction is functions/authorizer. No build id: equal sources, equal bundles.
build-%Function:
	CGO_ENABLED=0 GOOS=linux GOARCH=$(LAMBDA_GOARCH) go build -trimpath -buildvcs=false -tags lambda.norpc \
	  -ldflags '-s -w -buildid=' -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/$(shell echo '$*' | tr 'A-Z' 'a-z')

$(LINT):
	@echo 'lint: building golangci-lint $(LINT_VERSION)'
	@mkdir -p $(PRIVATE)/bin
	@GOBIN=$(CURDIR)/$(PRIVATE)/bin GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(PRIVATE)/bin/golangci-lint $@

.PHONY: clean
clean: ## remove what was built; installed tools and the local cloud's data stay
	rm -rf bin .aws-sam

# --- measurements, which no test needs: bounded in time and connections, on loopback only ----------------------------------

.PHONY: bench
bench: tools modules programs ## what a warm call, a cold start and the limits cost; BENCH='--against kong=http://…' for more
	bin/sluice bench call $(BENCH)
	bin/sluice bench cold
	bin/sluice bench limits

.PHONY: soak
SOAK ?= 30m
soak: tools modules programs ## run under load and faults for long, as processes and then in process: SOAK=2m for a short one
	bin/sluice soak --for $(SOAK)
	bin/sluice soak --for $(SOAK) --in-process

# --- the parts of `make check`, each runnable by itself ---------------------------------------------------------------

.PHONY: format
format: ## fail if a Go file is not gofmt-ed
	@unformatted=$$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l); \
	  if [ -n "$$unformatted" ]; then echo "not formatted (run gofmt -w):"; echo "$$unformatted"; exit 1; fi

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: lint
lint: $(LINT) ## golangci-lint, pinned
	$(LINT) run ./...

.PHONY: race
race: tools ## every test again, with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race ./...

.PHONY: structure
structure: ## sizes and import rules
	go test -count=1 ./test/structure/...

.PHONY: store
store: tools ## the store's conformance suite, on both engines
	@SLUICE_REQUIRE_DYNAMODB_LOCAL=$${CI:+1} scripts/tools/dynamodb-local.sh

.PHONY: promises
promises: tools ## the promises again, on DynamoDB Local
	@SLUICE_REQUIRE_DYNAMODB_LOCAL=$${CI:+1} scripts/tools/dynamodb-local.sh promises

.PHONY: fleet
fleet: tools modules programs ## promises on the real binaries, frozen between calls, on both engines
	@SLUICE_REQUIRE_DYNAMODB_LOCAL=$${CI:+1} scripts/tools/dynamodb-local.sh fleet

.PHONY: templates
templates: ## lint template.yaml and infra/, as written and as transformed
	@test/deploy/lint.sh

.PHONY: deploy
deploy: tools ## deploy the bundle for real into a local AWS and run the main journey there
	@test/deploy/run.sh

.PHONY: management
management: tools ## hold the Management API against its own OpenAPI document
	@test/management/run.sh
