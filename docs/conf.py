"""Configuration of the site, see `make docs`.

The source folder is the repository: the READMEs of the apps and the results of the benchmarks are pages as they are.
"""

import json
import os
import re
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
os.environ["KERAS_BACKEND"] = "jax"
sys.path.insert(0, str(ROOT))

import latex2mathml.converter  # noqa: E402

import layers  # noqa: E402

project = "Engram"
author = "Engram maintainers"
version = release = layers.__version__
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "apps/*/README.md",
    "benchmarks/results/*.md",
    "README.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
exclude_patterns = [".*", "build", "dist", "runs", "**/__pycache__"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

myst_enable_extensions = ["dollarmath"]
myst_dmath_allow_space = False
myst_dmath_allow_digits = False
myst_heading_anchors = 3
html_math_renderer = "mathml"

# A name in single backticks links to its entry if it has one.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_custom_sections = [("Call arguments", "params_style")]
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"Engram {release}"
html_copy_source = False
html_show_sourcelink = False
html_extra_path = ["site_root"]
html_theme_options = {"navigation_with_keys": True}


def add_code_blocks(app, what, name, obj, options, lines):
    """Make literal blocks of the equations in docstrings, which are indented below a line that ends with a colon."""
    for index in range(len(lines) - 2):
        line, blank, block = lines[index : index + 3]
        indent = len(line) - len(line.lstrip())
        if line.endswith(":") and not blank.strip() and len(block) - len(block.lstrip()) > indent:
            lines[index] = f"{line}:"
    # A star before a word, as in (batch, *shape), would begin emphasis.
    lines[:] = [re.sub(r"(?<![\w*`])\*(?=\w)", r"\\*", line) for line in lines]


def add_table_of_runs(app, docname, source):
    """Replace the comment TABLE OF RESULTS by a table made of the results' JSON files."""
    if "<!-- TABLE OF RESULTS -->" not in source[0]:
        return
    rows = ["| result | hardware | versions |", "|---|---|---|"]
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        link = f"[{result['title']}](../benchmarks/results/{path.stem}.md)"
        rows.append(f"| {link} | {result['hardware']} | {versions} |")
    source[0] = source[0].replace("<!-- TABLE OF RESULTS -->", "\n".join(rows))


def _mathml(formula, display):
    # latex2mathml knows align*, which GitHub does not take between dollars; browsers align by style, not by attribute.
    converted = latex2mathml.converter.convert(formula.replace("{aligned}", "{align*}"), display=display)
    if "<mi>&</mi>" in converted or "<mi>\\" in converted:
        raise ValueError(f"latex2mathml cannot convert {formula!r}")
    return re.sub(r'columnalign="(\w+)"', r'style="text-align: \1; padding: 0.25em 0"', converted)


def visit_inline_math(writer, node):
    writer.body.append(_mathml(node.astext(), "inline"))
    raise writer_skip()


def visit_block_math(writer, node):
    writer.body.append(f'<div class="math" role="math" aria-label="{escape(node.astext())}">')
    writer.body.append(_mathml(node.astext(), "block") + "</div>")
    raise writer_skip()


def writer_skip():
    from docutils.nodes import SkipNode

    return SkipNode()


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline_math, None), (visit_block_math, None))
    # Before napoleon, which turns the sections into fields.
    app.connect("autodoc-process-docstring", add_code_blocks, priority=400)
    app.connect("source-read", add_table_of_runs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
