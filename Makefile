# Every target of this project. Each installs what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
PATHS := operator sink codegen $(wildcard devcluster benchmarks release docs/examples) tests
TESTS ?= tests
IMAGE ?= localhost/fiddler-kong-operator
STAND_INS := localhost/fiddler-kong-stand-ins
MINUTES ?= 10
# A test may take longer than the ten minutes after which pytest prints what all threads do; CPython 3.11 can crash while it does.
PATIENT := --override-ini=faulthandler_timeout=0

.PHONY: help install generate verify lint format site demo test test-collector test-e2e test-faults soak devcluster-up devcluster-down bench lock release-check release-files sbom image test-image test-node clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Make .venv from the hash-locked requirement files

$(STAMP): requirements/dev.txt pyproject.toml sink/pyproject.toml scripts/make-venv
	@scripts/make-venv $(VENV)
	@touch $@

generate: $(STAMP) ## Write all generated files: CRD, manifests, chart, reference documentation
	@$(BIN)/python -m codegen

verify: $(STAMP) ## Fail if `make generate` would change anything
	@$(BIN)/python -m codegen --verify

lint: $(STAMP) ## Style, types, layers
	@$(BIN)/ruff check $(PATHS)
	@$(BIN)/ruff format --check $(PATHS)
	@$(BIN)/mypy $(PATHS)
	@$(BIN)/lint-imports

format: $(STAMP) ## Format the code and repair what ruff can repair
	@$(BIN)/ruff format $(PATHS)
	@$(BIN)/ruff check --fix $(PATHS)

site: $(STAMP) ## Build the documentation site into build/site; open build/site/index.html
	@$(BIN)/mkdocs build --strict --quiet

demo: $(STAMP) ## See it work: a real control plane, a conversation, its session (KEEP=1 leaves it running)
	@$(BIN)/python -m devcluster.demo

test: lint verify ## Lint, generated files, tests (TESTS=path runs only those tests)
	@$(BIN)/python -m devcluster build >/dev/null
	@$(BIN)/python -m pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder $(TESTS)

test-collector: $(STAMP) ## The configuration in manifests/samples/collector in a real OpenTelemetry Collector, which is built first (not part of `make test`)
	@$(BIN)/python -m pytest tests/standins/real_collector.py

test-faults: $(STAMP) ## Kill the operator at each of its writes, and other long tests (40 minutes)
	@$(BIN)/python -m devcluster build >/dev/null
	@FAULTS=all $(BIN)/python -m pytest $(PATIENT) --numprocesses=3 --dist=worksteal tests/faults tests/generated tests/security
	@$(BIN)/python -m pytest $(PATIENT) --numprocesses=3 --dist=loadfile --no-loadscope-reorder -m exhaustive tests/devcluster tests/integration tests/soak

soak: $(STAMP) ## Churn and faults for ten minutes: no leak, no needless write (MINUTES=60 takes longer)
	@SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest $(PATIENT) tests/soak/soak.py

devcluster-up: $(STAMP) ## Start a real control plane on this machine, with a gateway and stand-ins
	@$(BIN)/python -m devcluster up

devcluster-down: $(STAMP) ## Stop it
	@$(BIN)/python -m devcluster down

bench: $(STAMP) ## Measure against a raw loop that does the same writes
	@$(BIN)/python -m benchmarks

lock: $(STAMP) ## Resolve the requirement files again (UPGRADE=--upgrade for newer versions)
	@$(LOCK) $(UPGRADE) pyproject.toml --output-file requirements/runtime.txt
	@$(LOCK) $(UPGRADE) sink/pyproject.toml --constraints requirements/runtime.txt --output-file sink/requirements.txt
	@$(LOCK) $(UPGRADE) --group build --output-file requirements/build.txt
	@$(LOCK) $(UPGRADE) pyproject.toml sink/pyproject.toml --group dev --constraints requirements/runtime.txt \
		--constraints sink/requirements.txt --output-file requirements/dev.txt

release-check: verify ## Say what keeps this checkout from being released (TAG=v1.2.3 when that tag is built)
	@$(BIN)/python -m release check $(if $(TAG),--tag=$(TAG))

release-files: $(STAMP) ## Write the files of a release to dist/, for a published image (REPOSITORY=... DIGEST=sha256:...)
	@$(BIN)/python -m release files --repository=$(REPOSITORY) --digest=$(DIGEST)

image: ## Build the operator's image with podman (IMAGE=name; BASE=image@digest for another base)
	@scripts/build-image $(IMAGE)

test-image: $(STAMP) image ## Run the operator in its image, with a read-only root, against a real control plane
	@$(BIN)/python -m devcluster build >/dev/null
	@IMAGE=$(IMAGE) $(BIN)/python -m pytest tests/image/running_image.py

test-node: $(STAMP) image ## Run everything in pods, under a real kubelet in a container of podman (as root)
	@scripts/make-base localhost/fiddler-kong-base --missing node pause
	@CONTAINERFILE=devcluster/node/Containerfile scripts/build-image $(STAND_INS)
	@$(BIN)/python -m devcluster build >/dev/null
	@$(BIN)/python -m devcluster build kubelet kube-proxy >/dev/null
	@IMAGE=$(IMAGE) $(BIN)/python -m pytest $(PATIENT) --exitfirst tests/node/real_node.py

test-e2e: $(STAMP) image ## The same on kind (as root); with images of others: NODE_IMAGE=kindest/node:TAG KONG_IMAGE=kong/kong-gateway:TAG
	@[ -n "$(NODE_IMAGE)" ] || scripts/make-base localhost/fiddler-kong-base --missing pause kind iptables
	@CONTAINERFILE=devcluster/node/Containerfile scripts/build-image $(STAND_INS)
	@CARRIER=kind NODE_IMAGE=$(NODE_IMAGE) KONG_IMAGE=$(KONG_IMAGE) IMAGE=$(IMAGE) \
		$(BIN)/python -m pytest $(PATIENT) --exitfirst tests/node/real_node.py

sbom: $(STAMP) ## Write the operator's bill of materials to dist/
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m release sbom

clean: ## Remove the virtual environment and the tools' caches
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
