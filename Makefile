PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# Installed without its dependency tensorflow, for which requirements.txt has the smaller build tensorflow-cpu.
STUBS := "tensorflow-serving-api>=2.19,<2.22"

.PHONY: demo test test-slow coverage lint bench chromium tpu-check

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

# make bench DATA=path/to/SMSSpamCollection
bench: $(READY)
	$(BIN)/python -m benchmarks.spam_quality --data "$(DATA)"

$(READY): requirements.txt
	$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('error: Python 3.11 or newer is needed, this is ' + sys.version.split()[0] + '; make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(STUBS)
	# Its python finds the apps and layers from any folder.
	echo "$(CURDIR)" > "$$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/engram-repository.pth"
	touch $@
