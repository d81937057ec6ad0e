# setup: the environment in .venv; demo: a real result from a fresh machine; test: everything CI checks;
# leaderboards: the pages and tables of leaderboards/ from its CSV files; tables: the README's tables of data and weights.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo leaderboards tables test

setup: $(STAMP)
	@echo "padbench is installed in $(VENV); try: $(BIN)/padbench --help"

$(STAMP): pyproject.toml requirements-nerf.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else f"padbench needs Python 3.10 to 3.13, this is {v[0]}.{v[1]}: make PYTHON=python3.12 setup")'
	@echo "Creating $(VENV) and installing padbench with its dependencies (several GB, minutes) ..."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-nerf.txt
	@touch $(STAMP)

demo: setup
	$(BIN)/padbench run --method igspad --dataset bricks

leaderboards: setup
	$(BIN)/python -m padbench.report.committed leaderboards README.md bricks

tables: setup
	$(BIN)/python -m padbench.downloads.readme README.md

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy padbench plugins tests benchmarks
	$(BIN)/pytest
