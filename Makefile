# podwire. `make help` lists what there is to do.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
TARGET ?=

.PHONY: help demo test lint fuzz conformance kube wheel test-wheel manifests bpf ui stubs bench bench-ingest bench-capture bench-sampling bench-tls churn churn-tls exact e2e test-kernels docs lock clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venv/ready ## set everything up and watch a real shop (ARGS='--check --output json')
	@./setup.sh demo >&2
	@$(BIN)/python hatch_build.py bpf native stubs ui >&2
	@$(BIN)/python -m podwire.demo.skywalking || true # offline: then the shop has no courier
	@exec $(BIN)/podwire demo $(ARGS)

test: .venv/ready ## set everything up and pass every test, BPF and browser included
	@nohup $(PYTHON) tests/kube/build.py apiserver helm >/dev/null & # once; tests wait for it
	@./setup.sh demo exact kernels test >&2
	@$(BIN)/python hatch_build.py bpf native stubs ui
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python hatch_build.py test-ui
	@$(BIN)/pytest $(ARGS)

lint: .venv/ready stubs ## ruff, mypy --strict, the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

conformance: .venv/ready stubs ## ask a backend for what the wire promises (TARGET=HOST:11800,HOST:12800)
	@CONFORMANCE_TARGET=$(TARGET) $(BIN)/pytest tests/conformance $(ARGS)

kube: ## build the real API server and helm that tests run (minutes, once a machine)
	@$(PYTHON) tests/kube/build.py apiserver helm

e2e: .venv/ready ## as root: a real node with podwire on it, apart from this machine (ARGS=undo cleans)
	@./setup.sh demo node >&2
	@$(BIN)/python hatch_build.py bpf native stubs ui >&2
	@$(PYTHON) tests/kube/build.py apiserver node helm >/dev/null
	@PYTHONPATH=tests:. exec $(BIN)/python -m e2e $(ARGS)

manifests: .venv/ready ## write deploy/kustomize from the chart
	@PYTHONPATH=tests $(BIN)/python -m kube.manifests

wheel: .venv/ready ## build the wheel, with all that it brings, into dist/
	@./setup.sh wheel >&2
	@rm -rf dist
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
	    --no-build-isolation --wheel-dir dist .

test-wheel: wheel ## as root: the wheel in a minimal Debian without compiler, libbpf and Node
	@PODWIRE_WHEEL=$$(echo dist/podwire-*.whl) PYTHONPATH=tests:. \
	    unshare --mount $(BIN)/pytest tests/wheel $(ARGS)

fuzz: .venv/ready ## feed parsers and the HTTP machine what nobody writes (ARGS='--seconds 600')
	@$(BIN)/python hatch_build.py bpf native stubs >&2
	@PYTHONPATH=tests:. $(BIN)/python -m fuzz $(ARGS)

bpf: .venv/ready ## compile the BPF objects
	@$(BIN)/python hatch_build.py bpf

stubs: .venv/ready ## generate the protobuf stubs
	@$(BIN)/python hatch_build.py stubs

ui: .venv/ready ## build the page
	@$(BIN)/python hatch_build.py ui

bench: .venv/ready ## measure and print ratios (bench/README.md holds a run)
	@./setup.sh demo >&2
	@$(BIN)/python hatch_build.py bpf native stubs ui >&2
	@$(BIN)/python -m bench $(ARGS)

bench-capture: .venv/ready ## what measuring costs, in alternating runs (ARGS=--quick takes two minutes)
	@./setup.sh demo >&2
	@$(BIN)/python hatch_build.py bpf native stubs >&2
	@$(BIN)/python -m bench.capture $(ARGS)

bench-tls: .venv/ready ## what reading plaintext costs, by library and kind of probe (ARGS=--quick)
	@$(BIN)/python hatch_build.py bpf native stubs >&2
	@$(BIN)/python -m bench.tls $(ARGS)

bench-sampling: .venv/ready ## what sampled requests cost, and whether each arrives (ARGS=--quick)
	@./setup.sh demo >&2
	@$(BIN)/python hatch_build.py bpf native stubs >&2
	@$(BIN)/python -m bench.sampling $(ARGS)

churn: .venv/ready ## ten minutes of short-lived processes: what the agent holds (ARGS='--seconds 60')
	@$(BIN)/python hatch_build.py bpf native stubs >&2
	@$(BIN)/python -m bench.churn $(ARGS)

churn-tls: .venv/ready ## ten minutes of restarting pods with TLS: what the agent holds (ARGS='--seconds 60')
	@$(BIN)/python hatch_build.py bpf native stubs >&2
	@$(BIN)/python -m bench.churn_tls $(ARGS)

bench-ingest: .venv/ready ## the backend under fifty senders, read back (ARGS=--quick for a short proof)
	@$(BIN)/python hatch_build.py native stubs >&2
	@$(BIN)/python -m bench.ingest $(ARGS)

exact: .venv/ready ## play every case of the exactness table and write docs/exactness.md
	@./setup.sh demo exact >&2
	@$(BIN)/python hatch_build.py bpf native stubs >&2
	@PYTHONPATH=tests:. $(BIN)/python -m exact $(ARGS)

test-kernels: .venv/ready ## boot Debian's kernels, 5.10 to the newest, and write docs/kernels.md (half an hour)
	@./setup.sh demo exact kernels >&2
	@$(BIN)/python hatch_build.py bpf native stubs >&2
	@PYTHONPATH=tests:. $(BIN)/python -m kernels $(ARGS)

docs: .venv/ready stubs ## write docs/reference from the code
	@$(BIN)/python -m docs.reference

lock: ## pin the Python dependencies anew (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate \
	    --python-version 3.11 --extra all --group dev pyproject.toml -o requirements.lock \
	    --custom-compile-command 'make lock'
	@uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --python-version 3.13 \
	    --python-platform linux --extra agent --extra backend pyproject.toml -o deploy/docker/run.lock \
	    --constraint requirements.lock --custom-compile-command 'make lock'

clean: ## remove everything that was built or installed here
	@rm -rf .venv .output dist build ui/node_modules src/podwire/capture/object \
	    src/podwire/wire/gen src/podwire/app/page src/podwire/native/object
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: requirements.lock pyproject.toml setup.sh
	@./setup.sh python
	@echo "  VENV  .venv" >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements.lock >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    --no-build-isolation --editable . >&2
	@touch .venv/ready
