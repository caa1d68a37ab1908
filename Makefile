# `make help` lists the targets. Everything runs in .venv, made from requirements.lock.
PYTHON ?= python3
CORES ?= all
KILLS ?= 20
N ?= 1000000
PARALLEL := --numprocesses auto
UV_VERSION := 0.13.9
READY := .venv/.ready
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup study smoke flickr8k test test-fast test-faults test-slurm test-gpu lint format lock generate publish bench-overhead bench-training bench-search bench-embed

help:  ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-15s %s\n", $$1, $$2}'

setup: $(READY)  ## Make .venv from the lock and install the package in it

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.11 to 3.13 is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	.venv/bin/uv pip sync --quiet --python .venv/bin/python --compile-bytecode --require-hashes requirements.lock
	.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

study: setup  ## Run the default study, print the hypothesis table and compare with the published numbers
	snakemake --cores $(CORES)
	@crossmodal audit --all --html results/emoji/report/audit.html
	@crossmodal hypotheses
	@crossmodal compare

smoke: setup  ## Run the same DAG on procedural images, without network, in minutes
	snakemake --cores $(CORES) --configfile studies/smoke.yaml
	@crossmodal audit --all --study smoke --html results/smoke/report/audit.html
	@crossmodal hypotheses --study smoke

flickr8k: setup  ## Run the same DAG on real photographs (studies/flickr8k.yaml says from where)
	snakemake --cores $(CORES) --configfile studies/flickr8k.yaml
	@crossmodal audit --all --study flickr8k --html results/flickr8k/report/audit.html
	@crossmodal hypotheses --study flickr8k
	@crossmodal compare --study flickr8k

test: test-fast  ## Run all tests (the end-to-end ones take a quarter of an hour)
	OMP_NUM_THREADS=1 python -m pytest tests -m slow --ignore=tests/faults --ignore=tests/slurm $(PARALLEL) --dist loadfile --no-loadscope-reorder

test-fast: setup  ## Run the tests that take seconds, a file on each core
	OMP_NUM_THREADS=1 python -m pytest tests -m "not slow" $(PARALLEL) --dist loadfile --no-loadscope-reorder

test-faults: setup  ## Kill, fill, truncate and lock the tiny study (KILLS=20 kills, half an hour at most)
	CROSSMODAL_KILLS=$(KILLS) python -m pytest tests/faults -rP --session-timeout=1800

test-slurm: setup  ## Run the tiny study on a real Slurm, started on this machine's loopback (as root)
	@for program in slurmctld slurmd sbatch; do PATH=$$PATH:/usr/sbin command -v $$program > /dev/null || \
	  { echo "error: no $$program here: apt-get install --no-install-recommends slurmctld slurmd slurm-client" >&2; exit 1; }; done
	python -m pytest tests/slurm

test-gpu: setup  ## Compare training, search and export on a GPU with the CPU (skips where there is none)
	python -m pytest tests/gpu -rsP --session-timeout=480

lint: setup  ## Check code, rules and types
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint
	mypy

format: setup  ## Format code and rules
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

lock: setup  ## Resolve requirements.lock anew, for all supported Python versions
	.venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --extra cpu --extra dev --extra slurm \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements.lock
	$(MAKE) generate

generate: setup  ## Write what is generated: the schema, envs/, Slurm's groups, dvc.yaml
	python -m crossmodal.commands.generate

publish: setup  ## Audit the finished default study, then write dvc.lock, the ledger and the published tables
	crossmodal publish $(if $(PUSH),--push)

bench-overhead: setup  ## Measure what the machinery costs, and fill docs/performance.md
	python tests/benchmarks/overhead.py

bench-training: setup  ## Measure the training loop beside open_clip's, and PGD beside its passes
	python tests/benchmarks/training.py

bench-search: setup  ## Measure search beside other libraries, on N=1000000 vectors of STUDY (an hour and a half, 16 GB of memory)
	python tests/benchmarks/search.py --count $(N) $(if $(STUDY),--study $(STUDY))

bench-embed: setup  ## Measure the export of embeddings beside open_clip and clip-retrieval (PHOTOGRAPHS=FOLDER)
	python tests/benchmarks/embed.py $(if $(PHOTOGRAPHS),--photographs "$(PHOTOGRAPHS)")
