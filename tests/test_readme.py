"""The examples of the README."""

import os
import re
import subprocess
import sys

import pytest

import layers
from tests.conftest import ROOT, serving

PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_put_a_layer_into_your_model_runs(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example, loading = PYTHON.findall(text.partition("## Put a layer into your model")[2])
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["model"].built
    names["model"].save(tmp_path / "model.keras")

    def load(code):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", f"import keras\n{code}"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert load(loading).returncode == 0
    assert "Could not locate class" in load(loading.replace("import layers", "")).stderr


def test_readme_of_the_package_runs():
    text = (ROOT / "layers" / "README.md").read_text(encoding="utf-8")
    (example,) = PYTHON.findall(text)
    names = {}
    exec(compile(example.replace("import engram", "import layers as engram"), "layers/README.md", "exec"), names)
    assert names["ours"].count_params() == names["theirs"].count_params() > 0


def test_request_to_the_server_runs(trained, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = PYTHON.findall(text.partition("## Serve a model")[2].partition("\n## ")[0])
    with serving(trained) as server:
        url = server.url
        assert "http://127.0.0.1:8501/v1/models/spam_detector:predict" in example
        exec(
            compile(example.replace("http://127.0.0.1:8501/v1/models/spam_detector:predict", url), "README.md", "exec"),
            {},
        )
    assert capsys.readouterr().out.strip() in ("ham", "spam")


def test_version_is_that_of_the_citation():
    assert f"\nversion: {layers.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## [{layers.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "target",
    ["demo", "test", "lint", "bench", "test-slow", "coverage", "tpu-check", "package", "new", "docs", "notebooks"],
)
def test_make_targets_of_the_readme_exist(target):
    assert f"make {target}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
