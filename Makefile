PYTHON ?= python3
VENV := .venv
REQUIREMENTS := requirements.txt
# `make demo LOCKED=1` runs with exact versions, in an environment of its own.
ifdef LOCKED
VENV := .venv-locked
REQUIREMENTS := requirements/lock.txt
NO_DEPS := --no-deps
endif
BIN := $(VENV)/bin
READY := $(VENV)/ready

# Installed without its dependency tensorflow, for which requirements.txt has the smaller build tensorflow-cpu.
STUBS := "tensorflow-serving-api>=2.19,<2.22"

.PHONY: demo test test-slow coverage lint new notebooks bench chromium tpu-check package package-check docs lock

# Train, evaluate, try and export the spam detector on generated messages.
demo: $(READY)
	$(BIN)/python -m apps.spam_detector

# What touches a kernel a second time on JAX, which compiles in every test: quickly rather than well.
ON_JAX := KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1
JAX_TESTS := $(foreach name,derivatives differential families kernels,tests/layers/test_$(name).py)

test: $(READY) chromium
	$(BIN)/python -m pytest -n 2 -m "not slow"
	$(ON_JAX) $(BIN)/python -m pytest -n 2 -m "not slow" $(JAX_TESTS)

# Tests that repeat more thoroughly what a quicker one also sees; on JAX also those that touch no kernel.
test-slow: $(READY)
	$(BIN)/python -m pytest -n 2 -m slow
	$(ON_JAX) $(BIN)/python -m pytest -n 2 tests/layers

# Which lines the quick tests run, of all processes: htmlcov/index.html.
coverage: $(READY)
	$(BIN)/python -m pytest -n 2 -m "not slow" --cov --cov-report=html
	$(ON_JAX) $(BIN)/python -m pytest -n 2 -m "not slow" --cov --cov-append --cov-report=html --cov-report=term:skip-covered $(JAX_TESTS)

# The browser for the tests of the server's page.
chromium:
	@command -v chromedriver > /dev/null || (apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver) > /dev/null 2>&1 || echo "no Chromium, and it cannot be installed: the tests of the page are skipped"

# Google's compiler for TPUs, in a folder of its own: where JAX finds it, it looks for a TPU.
tpu-check: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/libtpu "libtpu>=0.0.42,<0.0.43"
	PYTHONPATH=$(VENV)/libtpu $(BIN)/python -m benchmarks.tpu_check

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# make new NAME=my_app FROM=forecaster TO=../my_project
new: $(READY)
	$(BIN)/python -m apps.new "$(NAME)" --from "$(FROM)" --to "$(TO)"

# make bench DATA=path/to/SMSSpamCollection
bench: $(READY)
	$(BIN)/python -m benchmarks.spam_quality --data "$(DATA)"

# The wheel `engram` and its source distribution: dist/.
package: $(VENV)/package/ready
	rm -rf dist
	$(PACKAGE_BIN)/python -m build --outdir dist .
	$(PACKAGE_BIN)/twine check --strict dist/*
	$(PACKAGE_BIN)/check-wheel-contents dist/*.whl

# Both in empty environments of every supported Python that is found, with the oldest and the newest Keras.
package-check: package
	$(PACKAGE_BIN)/python -m tests.package dist

# Execute the scripts in notebooks/ as notebooks; make notebooks NAME=forecaster for one.
notebooks: $(VENV)/notebooks/ready
	$(VENV)/notebooks/bin/python notebooks/make.py $(NAME)

PURELIB := "import sysconfig; print(sysconfig.get_path('purelib'))"

# An environment of its own, which sees the packages of the other.
$(VENV)/notebooks/ready: requirements/notebooks.txt $(READY)
	$(PYTHON) -m venv $(VENV)/notebooks
	$(VENV)/notebooks/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	$(BIN)/python -c $(PURELIB) > "$$($(VENV)/notebooks/bin/python -c $(PURELIB))/packages.pth"
	touch $@

PACKAGE_BIN := $(VENV)/package/bin

$(VENV)/package/ready: requirements/package.txt
	@$(PYTHON) -c $(CHECK_PYTHON)
	$(PYTHON) -m venv $(VENV)/package
	$(PACKAGE_BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# The site: build/docs/index.html. It imports the layers, so it is built with one of Keras' backends.
docs: $(VENV)/docs/ready
	rm -rf build/docs build/doctrees
	$(VENV)/docs/bin/sphinx-build --fail-on-warning --keep-going --quiet --conf-dir docs --doctree-dir build/doctrees . build/docs
	@echo "build/docs/index.html"

$(VENV)/docs/ready: requirements/docs.txt
	@$(PYTHON) -c $(CHECK_PYTHON)
	$(PYTHON) -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# Write requirements/lock.txt from the environment. Remove .venv first, so that it holds nothing else.
lock: $(READY)
	sed -n "/^#/p" requirements/lock.txt > $(VENV)/lock.txt
	$(BIN)/python -m pip freeze --disable-pip-version-check >> $(VENV)/lock.txt
	mv $(VENV)/lock.txt requirements/lock.txt

CHECK_PYTHON := "import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit('error: Python 3.11, 3.12 or 3.13 is needed, for which TensorFlow exists; this is ' + sys.version.split()[0] + '; make PYTHON=python3.12')"

$(READY): $(REQUIREMENTS)
	@$(PYTHON) -c $(CHECK_PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(NO_DEPS) --requirement $(REQUIREMENTS) || { echo "error: $(REQUIREMENTS) is not installed: the message above says why; the first run needs a network" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(STUBS)
	# Its python finds the apps and layers from any folder.
	echo "$(CURDIR)" > "$$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/engram-repository.pth"
	touch $@
