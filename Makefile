# Everything works from a clean checkout with Go; `make test` installs what else it needs. `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
DIST ?= dist
FUZZTIME ?= 20s
ROUNDS ?= 60
SOAKTIME ?= 30m

# A checkout that belongs to somebody else, as in a container, has no version for Go to stamp.
test test-windows lint cross fuzz bench soak try: export GOFLAGS := $(GOFLAGS) -buildvcs=false

.PHONY: help build test test-windows lint cross stage fuzz bench soak try picture completions snapshot clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' Makefile

# TestOneWayToBuild holds all that build the program to this: the tests, the release, Homebrew.
BUILD := CGO_ENABLED=0 go build -trimpath -ldflags='-s -w'

build: ## dist/aws-accounts, as it is released
	$(BUILD) -o $(DIST)/ .

# -count=1: the tests run programs that go test's cache doesn't know of.
test: lint cross ## everything, with the race detector, on real clients and a real keychain
	@STAGE_WITHOUT="$$(.ci/stage | xargs)"; export STAGE_WITHOUT; \
	if [[ $$(go env CGO_ENABLED) == 1 ]]; then race=-race; fi; set -x; \
	go test $${race:-} -count=1 -timeout=20m ./...

test-windows: ## the Windows program, under Wine
	@.ci/stage >/dev/null
	.ci/test-windows

stage: ## installs what the tests need: apt as root or with sudo, npm
	@.ci/stage >/dev/null

lint: ## gofmt, go vet for every system, staticcheck
	@unformatted="$$(gofmt -l .)"; if [[ -n $$unformatted ]]; then echo "not as gofmt has it:"; echo "$$unformatted"; exit 1; fi
	go mod verify
	go mod tidy -diff
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
# Elsewhere what the program is made of is enough: the rest needs twice as much of the SDK, compiled for each system.
	for system in windows darwin; do CGO_ENABLED=0 GOOS=$$system go vet $$(go list -deps . | grep '^aws-accounts'); done

cross: ## builds without cgo for the systems it is released for
	GOOS=linux $(BUILD) -o /dev/null .
	GOOS=windows $(BUILD) -o /dev/null .
# One that couldn't keep anything in the macOS keychain must be able to say so.
	GOOS=darwin $(BUILD) -o $(DIST)/without-cgo . && grep -q "built without cgo" $(DIST)/without-cgo && rm $(DIST)/without-cgo

fuzz: ## each fuzz test for FUZZTIME (20s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r package; do \
		go test -list '^Fuzz' "$$package" | grep '^Fuzz' | while read -r name; do \
			echo "$$package $$name"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
		done; \
	done

bench: ## what a call costs, beside the least it could cost
	go test ./internal/test/bench -run '^$$' -bench . -benchtime $(ROUNDS)x -timeout 30m

soak: ## mixed load and random faults for SOAKTIME (30m): counts wrong answers and what is left behind
	go test -race -count=1 -timeout 0 ./internal/test/soak -v -soaktime=$(SOAKTIME)

try: ## shows the main job on a machine with only Go
	@go run ./internal/test/try

picture: ## examples/first-minute.svg, from what the program really writes
	PICTURE=write go test -count=1 ./internal/test/stage -run '^TestPicture$$'

completions: # and the manual page, and others' licences, for .goreleaser.yaml
	@mkdir -p .completions
	.ci/notices >.completions/third-party-notices.txt
	$(BUILD) -o .completions/program . && cd .completions && trap 'rm program' EXIT; \
	./program completion bash >aws-accounts.bash; ./program completion zsh >_aws-accounts; \
	./program completion fish >aws-accounts.fish; ./program completion powershell >aws-accounts.ps1; \
	go run ../internal/man ./program | gzip -9n >aws-accounts.1.gz

snapshot: ## release/ as of a release of this commit: archives, packages, SBOMs; the deb is tried in a clean Debian
	@.ci/snapshot

clean: ## removes what was built and installed here
	rm -rf dist release .completions internal/test/stage/clients/js/node_modules
