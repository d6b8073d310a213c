# Two commands are enough: `make demo` runs the whole loop, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test check bench clean
demo: $(VENV)/.base
	$(BIN)/operator-agent demo $(ARGS)

test: $(VENV)/.all
	$(BIN)/python -m pytest -n auto --maxprocesses=4 --dist loadfile $(ARGS)

check: $(VENV)/.all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.all
	$(BIN)/python -m benchmarks $(ARGS)

# The environment: `.base` runs the product, `.all` adds the extras, the tests and the checkers.
$(VENV)/.base: pyproject.toml constraints.txt tools/make_env.sh
	PYTHON=$(PYTHON) tools/make_env.sh $(VENV) "[api]"
	touch $@

$(VENV)/.all: pyproject.toml constraints.txt tools/make_env.sh
	PYTHON=$(PYTHON) tools/make_env.sh $(VENV) "[api,tune,train,robust,global,cluster,bench,data,dev]"
	touch $(VENV)/.base $@

clean:
	rm -rf $(VENV) build out
