PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# It asks for the package tensorflow; requirements.txt brings its smaller build, tensorflow-cpu, in its place.
STUBS := "tensorflow-serving-api>=2.19,<2.22"

.PHONY: demo test test-slow lint bench chromium tpu-check

# Train, measure, try and export the spam detector on messages that it makes itself.
demo: $(READY)
	$(BIN)/python -m apps.spam_detector

# The layers a second time, on JAX, which compiles every loop in every test: quickly rather than well.
test: $(READY) chromium
	$(BIN)/python -m pytest -n 2 -m "not slow"
	KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(BIN)/python -m pytest -n 2 -m "not slow" tests/layers

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

# The browser that the tests of the server's page need.
chromium:
	@command -v chromedriver > /dev/null || (apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver) > /dev/null 2>&1 || echo "no Chromium, and it cannot be installed: the tests of the page are skipped"

# Google's compiler for TPUs, which no other command is to find: JAX would look for a TPU.
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
	touch $@
