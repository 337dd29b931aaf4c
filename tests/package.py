"""Install the wheel and the source distribution in empty environments, and train with them.

    python -m tests.package dist

One environment for each Python that is found, with the oldest and with the newest Keras that the package allows, on
JAX; and for the first of these Pythons, with the newest Keras, one for each other backend. Prints a table, and exits
with status 1 if an installation or a training fails. Needs a network.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13")

SMOKE = """
import importlib.metadata, importlib.resources
import engram, keras, numpy as np

assert engram.__version__ == importlib.metadata.version("engram")
assert importlib.resources.files(engram).joinpath("py.typed").is_file()
x = np.random.default_rng(0).normal(size=(32, 20, 4)).astype("float32")
model = keras.Sequential([engram.LSTM(8, return_sequences=True), engram.GRU(8), keras.layers.Dense(1)])
model.compile("adam", "mse")
losses = model.fit(x, x[:, -1, :1], epochs=5, verbose=0).history["loss"]
assert losses[-1] < losses[0]
model.save("model.keras")
expected = model.predict(x, verbose=0)
for other in (keras.saving.load_model("model.keras"), engram.to_keras(model)):
    np.testing.assert_allclose(other.predict(x, verbose=0), expected, atol=1e-5)
for name in engram.__all__:
    getattr(engram, name)
backend = keras.backend.backend()
print(f"keras {keras.__version__}, {backend}, {engram.which_kernel(model.layers[0], training=True).kernel}")
"""


def find_python(version):
    """Return an interpreter of a version such as 3.12, from the path or from pyenv; None if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [*sorted(pyenv.glob(f"{version}.*/bin/python")), shutil.which(f"python{version}")]
    for candidate in filter(None, candidates):
        code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True)
        if done.stdout.strip() == version:
            return str(candidate)
    return None


def oldest_keras(wheel):
    """Return the lower bound of Keras in the metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    return re.search(r"^Requires-Dist: keras.*>=([\d.]+)", metadata, re.MULTILINE)[1]


def try_package(interpreter, package, keras, backend):
    """Install a package with a backend and a requirement of Keras in an empty environment, and train.

    Returns:
        Whether it worked, and what the training printed or the last line of the error.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "venv", "bin", "python")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"KERAS_BACKEND": backend}
        options = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
        what = [f"{package}[{backend}]", keras]
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
        for command in ([interpreter, "-m", "venv", "venv"], install, [python, "-c", SMOKE]):
            done = subprocess.run(command, **options)
            if done.returncode:
                return False, (done.stderr.strip() or "no message").splitlines()[-1]
        return True, done.stdout.strip()


def main(folder):
    (wheel,), (source,) = Path(folder).resolve().glob("*.whl"), Path(folder).resolve().glob("*.tar.gz")
    cases = [(package, f"keras=={oldest_keras(wheel)}", "jax") for package in (wheel, source)]
    cases += [(package, "keras", "jax") for package in (wheel, source)]
    others = [(wheel, "keras", backend) for backend in ("tensorflow", "torch")]
    passed = failed = 0
    for version in PYTHONS:
        interpreter = find_python(version)
        if interpreter is None:
            print(f"Python {version}: not installed here, not tried")
            continue
        for package, *case in cases + others:
            good, message = try_package(interpreter, package, *case)
            passed, failed = passed + good, failed + (not good)
            print(f"Python {version}, {package.name}: {'passed' if good else 'FAILED'}, {message}", flush=True)
        others = []
    print(f"{passed} passed, {failed} failed")
    return int(failed or not passed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
