# Every habit of the team. `make demo` and `make test` need Python >= 3.11 and make; all else they install into .venv.
PYTHON ?= python3
LOCKS := deploy/requirements
BIN := .venv/bin
FOCUS_BIN := .venv-focus/bin
# A lock is complete: what it lists is installed as it stands, so that no later release can change what is chosen, and nothing is
# built, which would fetch build tools that no lock lists.
INSTALL := -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all:
# But these have no wheel; what builds them is locked too.
BUILT := --no-binary focus-validator,pandasql --no-build-isolation
COMPILE = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: demo test lint format types unit dates newest docs bench soak lock lock-check clean

demo: .venv/demo.installed
	@$(BIN)/gateway demo $(ARGS)

test: lint types unit

lint: .venv/test.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

format: .venv/test.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: .venv/test.installed
	$(BIN)/mypy

unit: .venv/test.installed .venv-focus/installed tests/sdk/node_modules/installed
	$(BIN)/python -m pytest -n auto --dist loadfile --cov $(ARGS)

# The tests on other days: a year's end, a leap day, a month's last seconds, ten years on. An hour; less with ARGS="tests/unit".
dates: .venv/test.installed
	$(BIN)/python -m tests.dates -n auto --dist loadfile $(ARGS)

# The newest versions that pyproject.toml allows, in an environment of their own: what does not depend on the machine's speed.
newest:
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[simulator,export]' -r $(LOCKS)/demo.in -r $(LOCKS)/test.in
	.venv-newest/bin/python -m pytest -n auto --dist loadfile $(ARGS) tests/unit tests/contract $(addprefix tests/integration/test_,bridge.py bridged.py dialects.py openrouter.py sdk_probe.py sdks.py)

# The pages that the code knows itself.
docs: .venv/demo.installed
	$(BIN)/python docs/generate.py

# The gateway beside its peers, about half an hour: `make bench`, or less: `make bench ARGS="--quick --only S1"`.
bench: .venv/demo.installed bench/.peers/litellm/installed bench/.peers/portkey/installed
	@$(BIN)/python -m bench $(ARGS)

# Ten minutes of mixed traffic: does memory stay flat?
soak: .venv/demo.installed
	@$(BIN)/python -m bench.soak $(ARGS)

# One hash-locked file a purpose. An upgrade is `make lock` and a look at the difference.
lock: .venv-lock/bin/uv
	$(COMPILE) --upgrade --extra simulator --extra export pyproject.toml $(LOCKS)/demo.in $(LOCKS)/test.in -o $(LOCKS)/test.txt
	$(COMPILE) --extra simulator pyproject.toml $(LOCKS)/demo.in -c $(LOCKS)/test.txt -o $(LOCKS)/demo.txt
	$(COMPILE) pyproject.toml -c $(LOCKS)/test.txt -o $(LOCKS)/run.txt
	$(COMPILE) $(LOCKS)/build.in -c $(LOCKS)/test.txt -o $(LOCKS)/build.txt
	$(subst 3.11,3.12,$(COMPILE)) --upgrade $(LOCKS)/focus.in -o $(LOCKS)/focus.txt
	$(COMPILE) --upgrade -c $(LOCKS)/focus.txt $(LOCKS)/focus-build.in -o $(LOCKS)/focus-build.txt
	$(COMPILE) --upgrade bench/requirements/litellm.in -o bench/requirements/litellm.txt

# Each lock in an environment of its own, with the pip that comes with PYTHON: does it install, and is nothing missing?
lock-check:
	@for lock in $(addprefix $(LOCKS)/,build run demo test) bench/requirements/litellm; do echo "$$lock.txt" \
	&& $(PYTHON) -m venv --clear .venv-check && .venv-check/bin/python $(INSTALL) -r $$lock.txt \
	&& .venv-check/bin/python -m pip --disable-pip-version-check check || exit 1; done
	rm -rf .venv-check

clean:
	rm -rf .venv .venv-check .venv-focus .venv-lock .venv-newest tests/sdk/node_modules bench/.peers var

.venv/demo.installed: $(LOCKS)/demo.txt pyproject.toml
	@echo "Installing into .venv (once, about a minute) …"
	@$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python $(INSTALL) -r $(LOCKS)/demo.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/test.installed: .venv/demo.installed $(LOCKS)/test.txt
	$(BIN)/python $(INSTALL) -r $(LOCKS)/test.txt
	@touch $@

# The validator of FOCUS exports, about half a minute. What it pins has wheels for Python 3.11 and 3.12; its own demand of 3.12
# comes from one expression. Elsewhere its test is skipped, and says so.
.venv-focus/installed: $(LOCKS)/focus.txt $(LOCKS)/focus-build.txt tests/focus/python_3_11.py
	@if $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))'; then \
	test -x $(FOCUS_BIN)/python || $(PYTHON) -m venv .venv-focus; \
	$(FOCUS_BIN)/python $(INSTALL) -r $(LOCKS)/focus-build.txt \
	&& $(FOCUS_BIN)/python $(INSTALL) --ignore-requires-python $(BUILT) -r $< \
	&& $(FOCUS_BIN)/python tests/focus/python_3_11.py; \
	else echo "SKIPPED: no Python 3.11 or 3.12, so FOCUS exports are not validated"; mkdir -p .venv-focus; fi
	@touch $@

# The official Node SDK. Without Node its tests are skipped, and say so.
tests/sdk/node_modules/installed: tests/sdk/package-lock.json
	@if command -v npm >/dev/null; then cd tests/sdk && npm ci --silent --no-audit --no-fund; \
	else echo "SKIPPED: no npm on this machine, so the Node SDK is not tested"; mkdir -p tests/sdk/node_modules; fi
	@touch $@

# What the gateway is compared with, each in an environment of its own. nginx is taken as it is found: that needs no root.
bench/.peers/litellm/installed: bench/requirements/litellm.txt
	@echo "Installing the LiteLLM proxy into bench/.peers (once, about a minute) …"
	@test -x bench/.peers/litellm/bin/python || $(PYTHON) -m venv bench/.peers/litellm
	@bench/.peers/litellm/bin/python $(INSTALL) -r $<
	@touch $@

bench/.peers/portkey/installed: bench/requirements/package.json bench/requirements/package-lock.json
	@mkdir -p bench/.peers/portkey && cp $^ bench/.peers/portkey
	@if command -v npm >/dev/null; then cd bench/.peers/portkey && npm ci --silent --no-audit --no-fund --ignore-scripts; fi
	@touch $@

.venv-lock/bin/uv:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
