# Two commands: `make lab` runs the lab, `make test` runs every check and test. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin

# What most changes need, in under two minutes: pure code, whole studies with a made-up engine, the contracts and the mutations.
QUICK := tests/core tests/stats tests/decide tests/search tests/study/test_run.py tests/study/test_search.py \
	tests/study/test_folder.py tests/study/test_ownership.py tests/engine/test_keys.py tests/engine/test_store.py \
	tests/report/test_golden.py tests/test_rooms.py tests/test_public.py tests/test_mutate.py

.PHONY: setup lab test quick check rooms mutate docs clean

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lab: setup
	$(BIN)/thimble lab

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

rooms: setup
	$(BIN)/python tools/rooms.py

mutate: setup
	$(BIN)/python tools/mutate.py

test: check
	$(BIN)/pytest

quick: check
	$(BIN)/pytest $(QUICK) $(TESTS)

docs: setup
	$(BIN)/python -m pip install --quiet --constraint requirements.lock "mkdocs-material>=9.5" "mkdocstrings[python]>=0.26"
	$(BIN)/mkdocs build

clean:
	rm -rf .venv runs site
