# Two commands are enough: `make run` and `make lab`. Each sets up what it needs.
PYTHON  ?= python3
PROFILE ?= fast
KERNEL  ?=
UV      := uv==0.13.9
BIN     := .venv/bin

.PHONY: setup run lab test notebooks pages lock clean

setup: .venv/installed

# Done again only when the lock or the package's own declaration changed.
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"This is Python {v[0]}.{v[1]}; the course runs on 3.11 to 3.13: install one of them and say, for example, make setup PYTHON=python3.12.")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python has no venv: install it (on Debian and Ubuntu: apt install python3-venv), then run make again."; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --no-deps --no-build-isolation -e .
	@touch $@

run: setup        ## run every solved lesson, then write build/report/index.html
	@$(BIN)/labkit run --profile $(PROFILE) $(if $(KERNEL),--kernel $(KERNEL))

lab: setup        ## open JupyterLab on lesson 00, on your own copies in work/
	@$(BIN)/labkit lab

test: setup       ## every test, the notebooks included
	$(BIN)/ruff check . && $(BIN)/mypy && LABKIT_PROFILE=fast $(BIN)/pytest -n 2 --dist loadfile --nbval-lax tests notebooks/solved

notebooks: setup  ## rebuild both editions of the lessons whose source changed
	@$(BIN)/labkit build

pages: setup      ## for a release: execute every page in full, and list which values moved
	@$(BIN)/labkit build --release

lock: setup       ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --extra test pyproject.toml -o requirements.lock

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis
