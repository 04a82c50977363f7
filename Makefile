# Two commands: `make demo` and `make test`. Both set up .venv first; a second run starts at once.
# On a machine with a GPU a third, `make gpu`, which takes the Python that is there and no network.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CHROMIUM_READY := $(VENV)/.chromium

GPU_PYTHON ?= python3

.PHONY: demo test gpu lint types unit format clean

demo: $(READY)
	$(BIN)/msvitreid demo

test: lint types unit

# With torch >= 2.4 and CUDA; ARGS='--minutes 4 --out FOLDER', for instance.
gpu:
	$(GPU_PYTHON) -m msvitreid benchmark gpu $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

types: $(READY)
	$(BIN)/mypy

unit: $(READY) $(CHROMIUM_READY)
	@echo 'pictures of the pages by the browser tests: tests/browser/output/'
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/deployment
	# In a process of its own: nncf alters torch where it is imported.
	$(BIN)/python -m pytest tests/deployment

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): requirements/ci.txt setup.py
	$(PYTHON) -c 'import sys; sys.exit("Python >= 3.10 is needed, this is " + sys.version) if sys.version_info < (3, 10) else None'
	@echo 'setting up $(VENV): about 6 GB of Python packages are downloaded, PyTorch the most'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements/ci.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)

# Without it only the browser tests fail.
$(CHROMIUM_READY): $(READY) tests/browser/install_chromium.sh
	-sh tests/browser/install_chromium.sh && touch $@

clean:
	rm -rf $(VENV) tests/browser/output build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
