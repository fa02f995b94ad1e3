# make demo: from nothing to a summarised video.   make test: from nothing to a tested checkout.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
QUERY ?= a cat
EXTRAS := dev,train,backbones

.PHONY: demo test test-slow setup lint types wheel-check lock clean

demo: setup demo/demo.mp4
	$(BIN)/highlightr summarize demo/demo.mp4 --query "$(QUERY)" --duration 8 --overwrite

demo/demo.mp4: examples/make_demo.py | setup
	$(BIN)/python examples/make_demo.py $@

test: setup
	$(BIN)/python -m pytest

test-slow: setup
	$(BIN)/python -m pytest -m slow

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

wheel-check: setup demo/demo.mp4
	$(BIN)/python .ci/check_wheel.py demo/demo.mp4

clean:
	rm -rf $(VENV) demo dist build .pytest_cache .mypy_cache .ruff_cache
