"""The rules that keep the house standing: who imports whom, and that parts can be taken out of it."""

import ast
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT, clean_environment

APPS = sorted(path.parent.name for path in (ROOT / "apps").glob("*/model.py"))
VERBS = ("__main__", "config", "data", "model", "train", "evaluate", "predict", "export")


def imports(path):
    """Absolute names of the modules that a file imports."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{name.name}" for name in node.names} | {module}
    return found


def files(*folders):
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(found) >= 3
    return found


def test_layers_import_keras_alone():
    allowed = {"keras", "layers", *sys.stdlib_module_names}
    of_backends = {
        "kernels/jax.py": {"jax"},
        "kernels/jax_linear.py": {"jax"},
        "kernels/tensorflow.py": {"tensorflow"},
        "kernels/tensorflow_chunks.py": {"tensorflow"},
        "kernels/tensorflow_programs.py": {"tensorflow"},
    }
    seen = 0
    for path in files("layers"):
        backend = of_backends.get(path.relative_to(ROOT / "layers").as_posix(), set())
        assert {name.split(".")[0] for name in imports(path)} <= allowed | backend, path
        seen += bool(backend)
    assert seen == len(of_backends)


def test_no_app_imports_another_and_helpers_import_none():
    assert len(APPS) >= 1
    for path in files("apps"):
        owner = path.relative_to(ROOT / "apps").parts[0]
        for name in imports(path):
            parts = name.split(".")
            assert not (parts[0] == "apps" and len(parts) > 1 and parts[1] in APPS and parts[1] != owner), (path, name)
            if owner == "common":
                assert parts[0] != "layers", path


def test_an_app_can_be_copied_under_another_name():
    """It says `from .` and `from ..common`, never its own name; that a copy then trains is tried with one of them."""
    seen = 0
    for path in (path for app in APPS for path in files(f"apps/{app}")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level or not node.module.startswith("apps"), path
                seen += 1
            elif isinstance(node, ast.Import):
                assert not any(name.name.startswith("apps") for name in node.names), path
    assert seen > 10 * len(APPS)


@pytest.mark.parametrize("app", APPS)
def test_models_need_no_tensorflow(app):
    found = imports(ROOT / "apps" / app / "model.py")
    assert "layers" in found
    assert not any(name.startswith("tensorflow") for name in found)


@pytest.mark.parametrize("app", APPS)
def test_every_app_has_the_same_rooms(app):
    folder = ROOT / "apps" / app
    assert {path.stem for path in folder.glob("*.py")} >= set(VERBS)
    assert (folder / "README.md").exists()
    assert (folder / "sample_data").is_dir()


def test_layers_work_under_another_name(tmp_path):
    shutil.copytree(ROOT / "layers", tmp_path / "vendored" / "recurrent_layers")
    (tmp_path / "vendored" / "__init__.py").touch()
    code = (
        "import keras, numpy as np\n"
        "from vendored import recurrent_layers as layers\n"
        "layer = layers.LSTM(3)\n"
        "assert layer(np.ones((2, 4, 5), 'float32')).shape == (2, 3)\n"
        "assert type(layer).__module__.startswith('vendored.')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, **clean_environment(tmp_path))


def test_every_option_in_the_readmes_exists():
    """Guards the commands that the READMEs print against options that were renamed."""
    import re

    source = "".join(path.read_text(encoding="utf-8") for path in files("apps", "benchmarks"))
    names = set(re.findall(r"^    (\w+): ", source, re.MULTILINE)) | {"json", "help"}
    seen = 0
    for readme in [ROOT / "README.md", *(ROOT / "apps" / app / "README.md" for app in APPS)]:
        for line in readme.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("python -m"):
                for option in re.findall(r"--([a-z-]+)", line):
                    assert option.replace("-", "_") in names, (readme, line)
                    seen += 1
    assert seen >= 5
