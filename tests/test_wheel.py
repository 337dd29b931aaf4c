"""The wheel `engram`, which contains only the layers, in an environment without the rest of this repository."""

import shutil
import subprocess
import sys
import sysconfig

import numpy as np

from apps.spam_detector.detector import Detector
from tests.conftest import ROOT, clean_environment

LOAD_APP_MODEL = """
import importlib.util
import engram
import keras, numpy as np
assert not any(importlib.util.find_spec(name) for name in ("apps", "layers"))
import spam_detector.model
data = np.load("data.npz")
detector = keras.models.load_model("model.keras")
(wrapped,) = [layer for layer in detector.layers if isinstance(layer, keras.layers.Bidirectional)]
assert type(wrapped.forward_layer) is engram.LSTM
np.testing.assert_allclose(keras.ops.convert_to_numpy(detector(data["features"])), data["expected"], atol=1e-6)
"""


def test_wheel_loads_the_model_of_an_app(trained, tmp_path):
    source, clean = tmp_path / "source", tmp_path / "clean"
    shutil.copytree(ROOT / "layers", source / "layers", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("engram-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clean], check=True)
    python = clean / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site_packages = subprocess.check_output([python, "-c", code], text=True).strip()
    subprocess.run([*pip, "install", "--no-deps", "--target", site_packages, wheel], check=True)
    # Use this environment's TensorFlow and Keras, because installing them again takes minutes.
    with open(f"{site_packages}/parent_environment.pth", "w") as file:
        file.write(sysconfig.get_path("purelib"))

    detector = Detector(trained)
    features = detector.encoder(["WIN cash now, call 09061234567", "see you at 5"]).numpy()
    np.savez(tmp_path / "data.npz", features=features, expected=detector.model(features))
    shutil.copy(trained / "model.keras", tmp_path)
    model = (ROOT / "apps" / "spam_detector" / "model.py").read_text(encoding="utf-8")
    assert "\nimport layers\n" in model
    model = model.replace("import layers", "import engram as layers").replace("from ..common import models\n", "")
    # The package gives the name under which the classes are registered.
    (tmp_path / "spam_detector").mkdir()
    (tmp_path / "spam_detector" / "model.py").write_text(model, encoding="utf-8")
    subprocess.run([python, "-c", LOAD_APP_MODEL], check=True, **clean_environment(tmp_path))
