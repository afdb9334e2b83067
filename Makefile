# Everything starts here: `make help`. A machine needs npm (any Node), and Go or a network for etcd; the rest is brought.
SHELL := /bin/sh
.SHELLFLAGS := -eu -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# Keyed on content, so that a checkout that only touches the lock installs nothing. npm ci empties the folder.
INSTALLED := node_modules/.installed-$(shell cksum < package-lock.json | tr -d ' \n')
NODE := node_modules/.bin/node
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# Variables of the targets; all may come from the environment, too.
export PROGRAM ONLY RUNG SUITE FILE GREP REPORTER RUNS SEED CALLERS ROUNDS SECONDS PROFILE REGISTRY
export HTTP_PORT HEALTH_PORT ETCD_CLIENT_PORT ETCD_PEER_PORT

FORMATTED := .
LINTED := .

.PHONY: help
help: ## Lists all targets
	@printf 'usage: make TARGET [NAME=value …]\n\n'
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F '\t' '{ printf "  %-12s %s\n", $$1, $$2 }'

.PHONY: install
install: $(INSTALLED) ## Brings node_modules and Node 24 (every target does it when it has to)
$(INSTALLED):
	@tools/install.sh
	@rm -f node_modules/.installed-* && touch $@

.PHONY: run
run: $(INSTALLED) ## Starts an etcd and a sidecar with examples/; HTTP_PORT= HEALTH_PORT= ETCD_CLIENT_PORT= ETCD_PEER_PORT=
	@exec $(NODE) tools/run.ts

.PHONY: restore
restore: $(INSTALLED) ## Makes the data of an etcd from a snapshot, so that no fence goes back; SNAPSHOT=FILE DATA=NEW ARGS='--stopped-at TIME …'
	@exec $(NODE) tools/restore.ts --snapshot "$(SNAPSHOT)" --data-dir "$(DATA)" $(ARGS)

.PHONY: cluster-up
cluster-up: $(INSTALLED) ## Starts a Kubernetes of our own to try Holdfast on; RUNG=light|oldest|real (real: containers, needs root)
	@exec $(NODE) tools/cluster/up.ts

.PHONY: cluster-down
cluster-down: $(INSTALLED) ## Ends the cluster of cluster-up and leaves nothing of it
	@exec $(NODE) tools/cluster/down.ts

.PHONY: cluster-load
cluster-load: $(INSTALLED) ## Puts the project's images into the cluster of cluster-up RUNG=real
	@exec $(NODE) tools/cluster/load.ts

.PHONY: check
check: $(INSTALLED) ## All that CI checks: format, lint, types, rooms, generated files, tests
	@exec $(NODE) tools/check.ts

.PHONY: test
test: $(INSTALLED) ## Runs the test suites; SUITE=house,unit,… FILE=path GREP=text REPORTER=dot|spec
	@exec $(NODE) tools/test.ts

.PHONY: charts
charts: $(INSTALLED) ## Tests the charts with helm 3 and 4 on a Kubernetes of our own
	@SUITE=charts exec $(NODE) tools/test.ts

.PHONY: soak
soak: $(INSTALLED) ## What takes too long for make test: the CRDs, the operator and the charts on the oldest Kubernetes (builds it: 10 minutes), fifty pods at once, operators and API server away for a token's life
	@SUITE=cluster-oldest,charts-oldest,cluster-real-long exec $(NODE) tools/test.ts

.PHONY: house
house: $(INSTALLED) ## Checks the style guide that can be checked; prints the five largest files and functions
	@$(NODE) tools/house.ts
	@SUITE=house exec $(NODE) tools/test.ts

.PHONY: simulate
simulate: $(INSTALLED) ## Runs schedules in virtual time; RUNS=10000 SEED=1 (a failing seed replays)
	@exec $(NODE) test/simulation/main.ts

.PHONY: faults
faults: $(INSTALLED) ## Runs real etcds and sidecars under faults, and judges what apps saw; SECONDS=300 SEED= (at random)
	@exec $(NODE) test/faults/main.ts

.PHONY: bench
bench: $(INSTALLED) ## Measures locks beside etcd's lock service, ZooKeeper, Redis and others; SECONDS=3 ROUNDS=5, ONLY=text of a title
	@exec $(NODE) bench/main.ts

.PHONY: generate
generate: $(INSTALLED) ## Makes crds/, validators, OpenAPI and the picture of the rooms from their sources
	@$(NODE) tools/generate/main.ts
	@$(NODE) tools/rooms.ts --write

.PHONY: format
format: $(INSTALLED) ## Formats all files
	@$(NODE) node_modules/prettier/bin/prettier.cjs --write --log-level=warn $(FORMATTED)

.PHONY: lint
lint: $(INSTALLED) ## ESLint, with type information
	@$(NODE) node_modules/eslint/bin/eslint.js --max-warnings=0 $(LINTED)

.PHONY: types
types: $(INSTALLED) ## TypeScript's checker
	@$(NODE) node_modules/typescript/bin/tsc --project .

.PHONY: rooms
rooms: $(INSTALLED) ## Who imports whom, against rooms.json; cycles and orphans
	@$(NODE) tools/rooms.ts

.PHONY: bundle
bundle: $(INSTALLED) ## One file a process, as in images: dist/sidecar.mjs, dist/operator.mjs; PROGRAM= names one
	@exec $(NODE) tools/bundle.ts

.PHONY: client
client: $(INSTALLED) ## The typed client as an npm package: dist/client/*.tgz
	@exec $(NODE) tools/client.ts

.PHONY: cli
cli: $(INSTALLED) ## The holdfast command as an npm package: dist/cli/*.tgz
	@exec $(NODE) tools/cli.ts

.PHONY: image
image: $(INSTALLED) ## The images of sidecar, operator and etcd as archives, with their SBOMs, in .cache/images
	@exec $(NODE) tools/image.ts

.PHONY: image-push
image-push: image ## Pushes them; REGISTRY=host/path, who by docker login or REGISTRY_USER= REGISTRY_PASSWORD=
	@exec $(NODE) tools/image-push.ts

.PHONY: tools
tools: $(INSTALLED) ## Brings etcd, Kubernetes, CoreDNS and helm, which the tests need, into the cache folder
	@exec $(NODE) tools/test/tools.ts

.PHONY: clean
clean: ## Removes what was made here: dist/, .cache/, node_modules/ (fetched tools stay in the user's cache folder)
	@rm -rf dist .cache node_modules
