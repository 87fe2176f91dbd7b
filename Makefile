# make demo   set up a virtual environment and watch a search solve a problem, on a laptop, without a key
# make test   everything CI runs: lint, types, import contracts, tests, examples
# make bench  speed and size, printed as ratios
# make train  train the embedded models from scratch

PYTHON ?= python3
# The CPU build is enough; asked for without a version, pip would fetch gigabytes of CUDA libraries.
TORCH ?= torch==2.13.0
VENV := .venv
RUN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint types imports tests bench train snapshots clean

demo: $(VENV)/local
	$(RUN)/its-graph solve "Compute 84 / 6 / 2 - (54 + 86) / 4 / 7 + 21." --strategy beam_search --n 16 --width 4 --seed 7

test: lint types imports tests

lint: $(VENV)/dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

types: $(VENV)/dev
	.ci/types $(RUN)/mypy

imports: $(VENV)/dev
	$(RUN)/lint-imports

tests: $(VENV)/dev
	$(RUN)/python -m pytest

bench: $(VENV)/dev
	for script in tests/benchmarks/bench_*.py; do $(RUN)/python $$script || exit 1; done

train: $(VENV)/dev
	$(RUN)/python -m its_graph.embedded.train

snapshots: $(VENV)/dev
	$(RUN)/python -m pytest --snapshot-update

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --upgrade pip
	$(RUN)/python -m pip install --quiet "$(TORCH)"
	touch $@

$(VENV)/local: $(VENV)/python pyproject.toml
	$(RUN)/python -m pip install --quiet --editable ".[local]"
	touch $@

$(VENV)/dev: $(VENV)/local pyproject.toml
	$(RUN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
