# kinetail: what one can do here. `make help` lists it.
#
# Needed: Go and make. More is needed only by `check` (a C compiler for the race detector) and by `integration`, which
# installs what it needs itself.

GO ?= go

# What was built, for `kinetail version`. The date is that of the commit, so the same commit builds the same bytes.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE    := $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || echo unknown)
STAMP   := github.com/kinetail/kinetail/agent/command
LDFLAGS := -s -w -funcalign=16 -X $(STAMP).Version=$(VERSION) -X $(STAMP).Commit=$(COMMIT) -X $(STAMP).Date=$(DATE)

# HTTP/2 is never spoken (emit/awsconfig), so net/http need not bring it: half a megabyte.
TAGS    := nethttpomithttp2

# What no line passes through is compiled without inlining, which would make it 1.6 MB larger and nothing faster that anybody waits for.
COLD    := github.com/aws/... github.com/hashicorp/... github.com/zclconf/... github.com/spf13/... golang.org/x/text/... vendor/golang.org/x/net/... \
	vendor/golang.org/x/text/... crypto/tls crypto/x509/... \
	$(addprefix crypto/,dsa des ecdh ecdsa ed25519 elliptic hpke mlkem rc4 rsa) \
	$(addprefix crypto/internal/fips140/,bigmod ecdh ecdsa ed25519 edwards25519/... mlkem nistec/... rsa tls12 tls13) \
	crypto/sha3 archive/tar compress/flate compress/gzip encoding/asn1 encoding/csv encoding/json encoding/pem encoding/xml errors flag fmt html \
	internal/poll log/... math/big mime/... net/... os/... reflect regexp/syntax syscall text/... golang.org/x/sys/... go.etcd.io/... github.com/fsnotify/... github.com/nxadm/... \
	github.com/rogpeppe/... $(addprefix github.com/kinetail/kinetail/,agent/... emit/awscall emit/awsconfig emit/awslocal/... emit/cloudwatch emit/local tailer/checkpoint tailer/pipe)
GCFLAGS := $(foreach p,$(COLD),-gcflags=$(p)=-l)

# Bytes that the binary may have: 16 MiB.
MAX_SIZE := 16777216

# Tools that are not Go's own. They are built once, into .cache/bin, at exactly these versions.
GOFUMPT_VERSION  := v0.11.0
GOLANGCI_VERSION := v2.15.0
TOOLS            := $(CURDIR)/.cache/bin
GOFUMPT          := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)
GOLANGCI         := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
HELM_VERSION     := v3.22.0
HELM             := $(TOOLS)/helm-$(HELM_VERSION)
KUBESCORE_VERSION := v1.20.0
KUBESCORE        := $(TOOLS)/kube-score-$(KUBESCORE_VERSION)
NFPM_VERSION     := v2.45.2
NFPM             := $(TOOLS)/nfpm-$(NFPM_VERSION)

# The time in packages, archives and images: that of the commit, unless the builder says otherwise.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
PACKAGING         := GO='$(GO)' NFPM='$(NFPM)' FLAGS='-tags $(TAGS) $(GCFLAGS)' LDFLAGS='$(LDFLAGS)' COMMIT='$(COMMIT)' DATE='$(DATE)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' packaging/build

# How long each fuzz target runs, and how often each benchmark.
FUZZTIME   ?= 20s
BENCHCOUNT ?= 1
BENCH_MB   ?= 1000
BENCH_RUNS ?= 5
BENCH_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z0-9-]*\):.*#.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the static binary, bin/kinetail
	@echo "go build -tags $(TAGS) [and -gcflags of the Makefile] -o bin/kinetail ./agent/cmd/kinetail"
	@CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -tags $(TAGS) $(GCFLAGS) -ldflags '$(LDFLAGS)' -o bin/kinetail ./agent/cmd/kinetail

size: build ## how large the binary is; fails above MAX_SIZE, and where something keeps the linker from leaving dead code out
	@bytes=$$(wc -c <bin/kinetail) && echo "bin/kinetail has $$bytes bytes, $(MAX_SIZE) are allowed" && test $$bytes -le $(MAX_SIZE)
	@# -N makes it another build of main: go would show what the linker printed again after every build of the same.
	@# A call of reflect.Value.MethodByName with a name that is not constant, as in text/template, keeps every exported method alive.
	@culprits=$$(CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -tags $(TAGS) $(GCFLAGS) -gcflags=github.com/kinetail/kinetail/agent/cmd/kinetail=-N -ldflags '-s -w -dumpdep' -o /dev/null ./agent/cmd/kinetail 2>&1 | \
		awk '/<ReflectMethod>/ { print $$1 }' | sort -u) && if [ -n "$$culprits" ]; then printf 'these keep all methods of all types in the binary:\n%s\n' "$$culprits"; exit 1; fi

demo: build ## no cloud account, no network: rotation, throttling, a kill -9, and the verdict
	bin/kinetail demo

test: ## all unit tests; needs only Go
	$(GO) test ./...

race: ## all unit tests under the race detector; needs a C compiler
	CGO_ENABLED=1 $(GO) test -race ./...

check: size fmt-check vet lint race integration deploy-check package-check mutants ## everything CI runs

vet: ## go vet, also over the integration tests
	$(GO) vet ./...
	$(GO) vet -tags integration ./agent/integration/
	$(GO) vet -tags chaos ./agent/chaos/
	$(GO) vet -tags page ./agent/status/
	$(GO) vet -tags packaging ./packaging/trial/
	$(GO) vet -tags bounds ./agent/bounds/
	$(GO) vet -tags compare ./tailer/compare/

scenarios: ## what can happen to a log file: the table of docs/tailing.md, and whether each row passes
	$(GO) run ./scenarios

RACES ?= 200
races: ## the scenarios that race, RACES (200) times each, with a writer at full speed
	$(GO) test -count=$(RACES) -timeout 60m -run '^TestLive' ./tailer/

integration: build ## the real binary against nginx, logrotate and kinesis-local; installs what is missing
	agent/integration/install
	$(GO) test -count=1 -timeout 15m -tags integration -v ./agent/integration/

page: ## the page in a real browser: Chrome, or chromium, which it installs. KINETAIL_SCREENSHOTS=DIR keeps the pictures
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get -qq update && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends chromium fonts-dejavu-core >/dev/null; }
	$(GO) test -count=1 -tags page -run Browser -v ./agent/status

chaos: build ## kill -9, logrotate and a failing service at once, for CHAOS_SECONDS (180); CHAOS_SEED repeats a run; needs logrotate
	$(GO) test -count=1 -timeout 60m -tags chaos -v ./agent/chaos/

bounds: build ## what idle files, a quiet host, a dead destination and a very long line take, over BOUNDS_SECONDS (60) each; BOUNDS_LINE_MB (192)
	$(GO) test -count=1 -timeout 30m -tags bounds -v ./agent/bounds/

fmt: $(GOFUMPT) ## format all Go files
	$(GOFUMPT) -l -w .

fmt-check: $(GOFUMPT) # fails and lists what `make fmt` would change
	@wrong=$$($(GOFUMPT) -l .) && \
	if [ -n "$$wrong" ]; then printf 'not formatted (run make fmt):\n%s\n' "$$wrong"; exit 1; fi

lint: $(GOLANGCI) ## golangci-lint, with .golangci.yml
	$(GOLANGCI) run --build-tags integration ./...

bench: ## all Go benchmarks; BENCHCOUNT=10 for benchstat
	$(GO) test -run '^$$' -bench . -benchmem -count $(BENCHCOUNT) ./...

bench-e2e: build ## what a gigabyte of log costs, beside what its bytes cost; BENCH_MB (1000), BENCH_RUNS (5), BENCH_SECONDS (60), BENCH_CASES=regexp
	$(GO) run ./agent/bench -mb $(BENCH_MB) -runs $(BENCH_RUNS) -seconds $(BENCH_SECONDS) -cases '$(BENCH_CASES)'

bench-doc: build ## the same, written into docs/performance.md
	$(GO) run ./agent/bench -mb $(BENCH_MB) -runs $(BENCH_RUNS) -seconds $(BENCH_SECONDS) -cases '$(BENCH_CASES)' -doc docs/performance.md

compare-tail: ## follow a rotating file with ours and with nxadm/tail: lines lost, repeated, and speed
	$(GO) test -count=1 -tags compare -v ./tailer/compare/

verify-aws: ## the facts kinetail relies on, against the real services in your own account: STREAM=, DELIVERY_STREAM=; says what it costs and asks
	$(GO) run ./agent/verifyaws -stream '$(STREAM)' -delivery-stream '$(DELIVERY_STREAM)'

mutants: ## break each invariant on purpose, and see a test go red
	$(GO) run ./mutants

package: $(NFPM) ## deb and rpm for amd64 and arm64, into dist
	$(PACKAGING) package '$(VERSION)'

image: ## the container image, with buildah, as an OCI layout
	$(PACKAGING) image '$(VERSION)'

package-check: $(NFPM) ## packages and image in throw-away roots with a systemd: installed, upgraded, removed, run; for root on Debian or Ubuntu
	packaging/trial/install
	$(GO) test -count=1 -timeout 20m -tags packaging -v ./packaging/trial/

release: $(NFPM) ## packages, archives, SBOMs, container image and checksums, into dist; the same commit gives the same bytes
	$(PACKAGING) release '$(VERSION)'

CHART := cd packaging/check && HELM=$(HELM) KUBE_SCORE=$(KUBESCORE) KINETAIL=$(CURDIR)/bin/kinetail POD_NAME=web $(GO) test -count=1 ./...

chart: build $(HELM) $(KUBESCORE) ## render the plain Kubernetes manifests anew from the Helm chart
	$(CHART) -run TestManifestsAreCurrent -args -update

deploy-check: build $(HELM) $(KUBESCORE) ## chart, manifests and CloudFormation template: lint, score, the types they are made of, and a run on a node as the kubelet lays it out
	$(CHART)

fuzz: ## run every fuzz target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
		done; \
	done

tools: $(GOFUMPT) $(GOLANGCI) ## build gofumpt and golangci-lint into .cache/bin (minutes, once)

$(GOFUMPT):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
	mv $(TOOLS)/gofumpt $@

$(GOLANGCI):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(TOOLS)/golangci-lint $@

$(HELM):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
	mv $(TOOLS)/helm $@

$(KUBESCORE):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install github.com/zegl/kube-score/cmd/kube-score@$(KUBESCORE_VERSION)
	mv $(TOOLS)/kube-score $@

$(NFPM):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	mv $(TOOLS)/nfpm $@

clean: ## remove what was built here; the tools in .cache stay
	rm -rf bin dist
