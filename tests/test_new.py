"""Projects that `apps.new` makes: complete in themselves for every app, and nothing is written after a mistake."""

import ast
import functools
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from apps.common import cli
from apps.new.__main__ import new
from apps.new.names import rename_text
from apps.new.requirements import FROM_OTHERS, distributions_of, requirement_name
from tests.apps.cases import CASES
from tests.conftest import ROOT

APPS = [case.APP for case in CASES]
PROBE = re.compile(r'(?:find_spec|importorskip)\("(\w+)"\)')


@pytest.fixture(scope="session")
def project_once(made_once):
    """Return a function of an app that returns a project with a copy of it, my_app."""

    def make(path, app):
        assert cli.run(new, ["my_app", "--from", app, "--to", str(path)]) == 0

    return lambda app: made_once(f"project_of_{app}", lambda path: make(path, app))


@pytest.fixture(params=APPS)
def app(request):
    return request.param


@pytest.fixture
def project(app, project_once):
    return project_once(app)


@functools.cache
def modules_of(project):
    found = {path: ast.parse(path.read_text(encoding="utf-8")) for path in project.rglob("*.py")}
    assert len(found) > 50
    return found


def imports_of(path, tree, project):
    """Yield the module and the name, or None, of each import, with the absolute name of the module."""
    package = path.relative_to(project).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)


def has_name(project, module, name):
    """Return whether a module of the project exists and has a name, which may be a module in it."""
    path = project.joinpath(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    if not file.exists():
        return False
    if name is None or (path / f"{name}.py").exists() or (path / name / "__init__.py").exists():
        return True
    return name in names_of(file)


@functools.cache
def names_of(file):
    """Return what a module assigns, defines and imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
    return found


def test_every_import_of_the_project_leads_to_a_file_or_a_requirement(project):
    lines = (project / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {requirement_name(line) for line in lines}
    seen, others = 0, set()
    for path, tree in modules_of(project).items():
        for module, name in imports_of(path, tree, project):
            top = module.split(".")[0]
            assert top != "layers", path
            if top in ("apps", "tests"):
                assert has_name(project, module, name), (path, module, name)
                seen += 1
            else:
                others.add(top)
        others |= set(PROBE.findall(path.read_text(encoding="utf-8")))
    others -= sys.stdlib_module_names | {"apps", "layers", "engram"}
    assert seen > 200
    (wheel,) = (project / "wheels").iterdir()
    assert f"./wheels/{wheel.name}" in lines
    for package in others - FROM_OTHERS.keys():
        assert distributions_of({package}) <= required, package
    for package in others & FROM_OTHERS.keys():
        assert FROM_OTHERS[package] in others
    ours = set((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert {line for line in lines if requirement_name(line)} <= ours
    # What no module imports comes with what one does.
    assert required - distributions_of(others) == {None}


def test_every_helper_of_the_project_is_imported(project):
    """Nothing of `apps/common` and `apps/serving` is copied that the project does not use."""
    used = set()
    for path, tree in modules_of(project).items():
        used |= {f"{module}.{name}" for module, name in imports_of(path, tree, project)}
        used |= {module for module, _ in imports_of(path, tree, project)}
    helpers = [
        path for folder in ("common", "serving", "lab") for path in (project / "apps" / folder).rglob("[a-z]*.py")
    ]
    names = {".".join(path.relative_to(project).with_suffix("").parts) for path in helpers}
    assert len(names) > 30 and names <= used


def test_project_names_no_other_app(app, project):
    others = [other for other in APPS if other != app]
    for path in [*project.glob("apps/my_app/**/*"), *project.glob("tests/**/*")]:
        if path.suffix in (".py", ".md"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(rf"\b(apps[./]|tests/apps/|cases[./]|cases import |runs/|models/){app}\b", text), path
            found = set(re.findall(rf"\b(?:apps|cases)(?:[./]| import )({'|'.join(others)})\b", text))
            # Two READMEs say how a language model is trained, whose runs the app reads.
            assert found <= ({"language_model"} if path.name == "README.md" else set()), path


def test_documents_of_the_project_lead_somewhere(app, project):
    seen = 0
    for path in (project / "README.md", project / "apps" / "my_app" / "README.md"):
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^):#]+)\)", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)):
            assert (path.parent / target).exists(), (path, target)
        for module in set(re.findall(r"python -m (apps[.\w]+)", text)) - {"apps.language_model.train"}:
            assert has_name(project, module, None), (path, module)
            seen += 1
        assert "{{" not in text and "`cp -r" not in text
    assert seen >= 5
    # Code is that of the original.
    original = (ROOT / "apps" / app / "README.md").read_text(encoding="utf-8")
    original = re.findall(r"^```.*?^```$", original, re.MULTILINE | re.DOTALL)
    assert len(original) >= 3 and blocks == [rename_text(block, app, "my_app") for block in original]
    makefile = (project / "Makefile").read_text(encoding="utf-8")
    assert "-m apps.my_app\n" in makefile and "tensorflow-serving-api>=" in makefile and "{{" not in makefile
    settings = (project / "pyproject.toml").read_text(encoding="utf-8")
    assert "[tool.pytest.ini_options]" in settings and "[tool.ruff]" in settings and "[project]" not in settings


def test_style_of_the_project_is_that_of_the_repository(project):
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--quiet", "."]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def environment_once(made_once):
    """Return a function of a project that returns a Python with its requirements, which cannot import this repository.

    The packages are those of this environment, because installing them again takes minutes, and the project's wheel.
    """

    def environment(project):
        def make(path):
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
            code = "import sysconfig; print(sysconfig.get_path('purelib'))"
            command = [path / "bin" / "python", "-c", code]
            site_packages = Path(subprocess.check_output(command, text=True).strip())
            (site_packages / "parent_environment.pth").write_text(sysconfig.get_path("purelib"))
            (wheel,) = (project / "wheels").iterdir()
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site_packages)

        return made_once("environment_of_projects", make) / "bin" / "python"

    return environment


def run_in(project, python, *arguments):
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    command = [python, *map(str, arguments)]
    return subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True)


HELP = """
import importlib.util, sys
assert importlib.util.find_spec("engram") and not importlib.util.find_spec("layers")
from apps.common import cli
from apps.my_app.train import train
assert importlib.util.find_spec("apps.spam_detector") is None
import apps.my_app.model, apps.serving.rest
print(apps.my_app.model.layers.__name__, apps.my_app.model.registered.__qualname__)
cli.run(train, ["--help"])
"""


def test_project_imports_without_the_repository(project_once, environment_once):
    project = project_once("translator")
    done = run_in(project, environment_once(project), "-c", HELP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("engram ") and "--epochs" in done.stdout and "runs/my_app" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.APP)
def test_project_runs_and_passes_its_tests_without_the_repository(
    case, project_once, environment_once, options_once, tmp_path
):
    project = project_once(case.APP)
    python = environment_once(project)
    done = run_in(project, python, "-m", "apps.my_app", "--run-dir", tmp_path / "run", *options_once(case))
    assert done.returncode == 0, done.stderr
    for words in ("== train", case.BASELINE, "== predict", "-m apps.my_app.predict", "-m apps.serve"):
        assert words in done.stdout
    assert (tmp_path / "run" / "export" / "1" / "saved_model.pb").exists()
    done = run_in(project, python, "-m", "pytest", "-m", "not slow", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-6000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50
