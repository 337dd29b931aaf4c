"""The pages of the site: their commands and code run, their links lead somewhere, the reference is complete."""

import functools
import importlib
import re
import shlex

import pytest
import tyro

import layers
from tests import doc_pages
from tests.conftest import ROOT
from tests.doc_pages import DOCS

TUTORIALS = sorted(path for path in (DOCS / "tutorials").glob("*.md") if path.stem != "index")
APPS = sorted(path.parent.name for path in (ROOT / "apps").glob("*/model.py"))
QUICK = [page for page in doc_pages.pages() if page not in TUTORIALS and doc_pages.blocks(page, "python", "console")]
# Programs of every Linux that pages use beside our own commands.
PROGRAMS = {"base64", "cat", "curl", "echo", "head", "ls", "printf", "sed", "tail", "wc"}
# A picture is small, so that the repository stays so.
MOST_BYTES = 80_000


def name(page):
    return page.relative_to(DOCS).with_suffix("").as_posix()


@pytest.mark.parametrize("page", QUICK, ids=name)
def test_examples_of_a_page_run(page, tmp_path):
    assert doc_pages.run_page(page, tmp_path, show=lambda text: None) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=name)
def test_tutorial_runs(page, tmp_path):
    assert doc_pages.run_page(page, tmp_path) >= 2


def test_quick_pages_are_found():
    assert {name(page) for page in QUICK} >= {
        "start",
        "guide/put_a_layer_into_your_model",
        "guide/choose_a_cell",
        "guide/vanishing_gradients",
        "guide/which_kernel",
    }


def parse(module, arguments):
    """Parse the arguments of a module's command, as `cli.run` does, without running it."""
    path = f"apps.{module}"
    if "." not in module and (ROOT / "apps" / module).is_dir():
        path += ".__main__"
    verb = getattr(importlib.import_module(path), module.rpartition(".")[2])

    @functools.wraps(verb)
    def parsed(*args, **kwargs):
        return True

    return tyro.cli(parsed, args=arguments, config=(tyro.conf.FlagCreatePairsOff,))


def words(line):
    """Return the words of the first command of a line, without what follows a pipe or a redirection."""
    return shlex.split(re.split(r"[|>]", line.replace("\\\n", " "))[0])


@pytest.mark.parametrize("page", [page for page in doc_pages.pages() if doc_pages.all_commands(page)], ids=name)
def test_commands_of_a_page_are_accepted(page):
    seen = 0
    for command in doc_pages.all_commands(page):
        first = re.match(r"\(?\s*(\w+)", command.line)[1]
        if first != "python":
            assert first in PROGRAMS, command.line
            continue
        python, option, module, *arguments = words(command.line)
        assert (python, option) == ("python", "-m") and module.startswith("apps."), command.line
        assert parse(module.removeprefix("apps."), arguments) is True
        seen += 1
    assert seen >= 1


def test_unknown_option_of_a_command_is_found():
    with pytest.raises(SystemExit):
        parse("spam_detector.train", ["--epoch-count", "3"])


@pytest.mark.parametrize("page", [page for page in TUTORIALS if page.stem in APPS], ids=name)
def test_tutorial_goes_from_a_file_to_a_served_answer(page):
    lines = "\n".join(command.line for command in doc_pages.all_commands(page))
    app = page.stem
    for verb in ("train", "evaluate", "predict", "export"):
        assert f"python -m apps.{app}.{verb} " in lines
    assert " --check" in lines
    assert "python -m apps.serve " in lines
    assert f"/v1/models/{app}:predict" in lines
    text = page.read_text(encoding="utf-8")
    assert f"](../../apps/{app}/README.md)" in text
    assert f"](../pictures/{app}.png)" in text


def test_tutorials_are_found():
    assert {page.stem for page in TUTORIALS} == {*APPS, "lab"}


def test_reference_has_every_public_name():
    pages = "".join(path.read_text(encoding="utf-8") for path in sorted((DOCS / "api").glob("*.md")))
    documented = re.findall(r"^\.\. auto(?:class|function):: layers\.(\w+)$", pages, re.MULTILINE)
    assert sorted(documented) == sorted(set(layers.__all__) - {"Bidirectional"})
    assert len(documented) >= 34


def test_links_lead_to_files():
    seen = 0
    for page in [*doc_pages.pages(), ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("apps/*/README.md")]:
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            target = link.partition("#")[0]
            if target and "://" not in target:
                assert (page.parent / target).is_file(), (page, link)
                seen += 1
    assert seen > 100


def test_pictures_are_small_and_used():
    text = "".join(page.read_text(encoding="utf-8") for page in doc_pages.pages())
    pictures = sorted((DOCS / "pictures").glob("*.png"))
    for picture in pictures:
        assert picture.stat().st_size < MOST_BYTES, picture
        assert f"pictures/{picture.name})" in text, picture
    assert len(pictures) >= 7


def test_wrong_output_is_found():
    assert not doc_pages.differs("loss ...\n", "loss 0.25\n")
    assert doc_pages.differs("loss ...\n", "accuracy 0.25\n")
