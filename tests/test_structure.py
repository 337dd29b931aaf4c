"""Rules of the structure: who imports whom, and which parts can be copied out of it."""

import ast
import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT, clean_environment

APPS = sorted(path.parent.name for path in (ROOT / "apps").glob("*/model.py"))
VERBS = ("__main__", "train", "evaluate", "predict", "export")
MODULES = (*VERBS, "config", "data", "model", "fit", "evaluation", "saved_model")


def imports(path):
    """Return the absolute names of the modules that a file imports."""
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


def public_functions(nodes):
    for node in nodes:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or (node.name[0] == "_" and node.name != "__init__"):
            continue
        if isinstance(node, ast.FunctionDef):
            yield node
        else:
            yield from public_functions(node.body)


@pytest.mark.parametrize("folder", ["layers", "apps/common"])
def test_public_functions_have_hints(folder):
    seen = 0
    for path in files(folder):
        for function in public_functions(ast.parse(path.read_text(encoding="utf-8")).body):
            arguments = function.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            bare = [each.arg for each in named if each and not each.annotation and each.arg not in ("self", "cls")]
            assert not bare and (function.returns or function.name == "__init__"), (path, function.name, bare)
            seen += 1
    assert seen > 100


def test_layers_import_keras_alone():
    allowed = {"keras", "layers", *sys.stdlib_module_names}
    further = {
        "kernels/jax.py": {"jax"},
        "kernels/jax_linear.py": {"jax"},
        "kernels/jax_scan.py": {"jax"},
        "kernels/tensorflow.py": {"tensorflow"},
        "kernels/tensorflow_chunks.py": {"tensorflow"},
        "kernels/tensorflow_graph.py": {"tensorflow"},
        "kernels/tensorflow_programs.py": {"tensorflow"},
        "kernels/tensorflow_scan.py": {"tensorflow"},
        "memory/hopfield.py": {"numpy"},
    }
    seen = 0
    for path in files("layers"):
        others = further.get(path.relative_to(ROOT / "layers").as_posix(), set())
        assert {name.split(".")[0] for name in imports(path)} <= allowed | others, path
        seen += bool(others)
    assert seen == len(further)


def test_no_app_imports_another_and_helpers_import_none():
    assert len(APPS) >= 1
    for path in files("apps"):
        owner = path.relative_to(ROOT / "apps").parts[0]
        for name in imports(path):
            parts = name.split(".")
            assert not (parts[0] == "apps" and len(parts) > 1 and parts[1] in APPS and parts[1] != owner), (path, name)
            if owner == "common":
                assert parts[0] != "layers", path


def test_apps_import_themselves_relatively():
    seen = 0
    for path in (path for app in APPS for path in files(f"apps/{app}")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level or not node.module.startswith("apps"), path
                seen += 1
            elif isinstance(node, ast.Import):
                assert not any(name.name.startswith("apps") for name in node.names), path
    assert seen > 10 * len(APPS)


COPY = """
import keras
from apps.my_app.model import TokenEmbedding as copy
from apps.spam_detector.model import TokenEmbedding as original
from apps.common import cli
from apps.my_app.train import train
assert keras.saving.get_registered_name(copy) == "my_app>TokenEmbedding"
assert keras.saving.get_registered_name(original) == "spam_detector>TokenEmbedding"
options = "--epochs 1 --units 4 --embedding-dim 4 --dense-units 4 --max-features 4 --best-from 0 --max-tokens 16"
assert cli.run(train, ["--run-dir", "run", *options.split()]) == 0
"""


def test_copy_of_an_app_trains_next_to_the_original(tmp_path):
    for folder in ("apps", "layers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(tmp_path / "apps" / "spam_detector", tmp_path / "apps" / "my_app")
    subprocess.run([sys.executable, "-c", COPY], check=True, **clean_environment(tmp_path))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["app"] == "my_app"


@pytest.mark.parametrize("app", APPS)
def test_models_need_no_tensorflow(app):
    folder, queue, found = ROOT / "apps" / app, ["model"], set()
    for name in queue:
        names = imports(folder / f"{name}.py")
        found |= names
        parts = [each.split(".") for each in names if each.startswith(f"apps.{app}.")]
        queue += [part[2] for part in parts if part[2] not in queue and (folder / f"{part[2]}.py").exists()]
    assert "layers" in found
    assert not any(name.startswith("tensorflow") for name in found)


@pytest.mark.parametrize("app", APPS)
def test_every_app_has_the_same_modules(app):
    folder = ROOT / "apps" / app
    assert {path.stem for path in folder.glob("*.py")} >= set(MODULES)
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
