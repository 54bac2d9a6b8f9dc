# Everything works from a clean checkout with Go; `make test` installs what else it needs. `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
FUZZTIME ?= 20s

.PHONY: help build test lint cross stage fuzz bench try clean

help:
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

build: ## dist/aws-accounts, as it is released
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o dist/ .

test: stage lint cross ## everything, with the race detector, on real clients and a real keychain
# -count=1: the real-client tests run programs that go test's cache doesn't know of.
	STAGE_WITHOUT="$$(.ci/stage --without)" go test -race -count=1 -timeout=10m ./...

stage: ## installs what the real-client tests need (apt, npm; root or sudo)
	.ci/stage

lint: ## gofmt, go vet for every system
	@unformatted="$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go'))"; \
	if [[ -n $$unformatted ]]; then echo "gofmt has something to say about:"; echo "$$unformatted"; exit 1; fi
	go mod verify
	go mod tidy -diff
	go vet ./...
	GOOS=windows go vet ./...
	GOOS=darwin go vet ./...

cross: ## builds without cgo for the systems it is released for
	CGO_ENABLED=0 GOOS=linux go build -o /dev/null .
	CGO_ENABLED=0 GOOS=windows go build -o /dev/null .

fuzz: ## each fuzz test for FUZZTIME (20s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r package; do \
		go test -list '^Fuzz' "$$package" | grep '^Fuzz' | while read -r name; do \
			echo "$$package $$name"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
		done; \
	done

bench: ## what a call costs, beside the least it could cost

try: ## shows the main job on a machine with only Go

clean: ## removes what was built and installed here
	rm -rf dist internal/stage/clients/js/node_modules
