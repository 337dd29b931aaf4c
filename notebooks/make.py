"""Execute the scripts of this folder as notebooks: `make notebooks`.

Each NAME.py, in jupytext's percent format, gives NAME.ipynb with its outputs. Names given as arguments are the only
ones made.
"""

import re
import sys
from pathlib import Path

import jupytext
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
MOST_BYTES = 300_000


def scripts() -> list[Path]:
    """Return the scripts that become notebooks."""
    return [path for path in sorted(FOLDER.glob("*.py")) if "# %%" in path.read_text(encoding="utf-8")[:1000]]


def make_notebook(script: Path) -> None:
    """Execute a script in this folder and write its notebook; an error in a cell ends with the cell's traceback."""
    notebook = jupytext.read(script)
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"
    NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _tidied(cell.outputs)
    notebook.metadata.pop("language_info", None)
    notebook.metadata.get("jupytext", {}).get("text_representation", {}).pop("jupytext_version", None)
    text = jupytext.writes(notebook, fmt="ipynb")
    if len(text) > MOST_BYTES:
        sys.exit(f"error: {script.stem}.ipynb has {len(text)} bytes, expected at most {MOST_BYTES}; show less")
    script.with_suffix(".ipynb").write_text(text + "\n", encoding="utf-8")
    print(f"written: {script.stem}.ipynb, {len(text)} bytes")


def _tidied(outputs):
    """Return outputs without what TensorFlow logs about itself on stderr, as one text where texts follow each other."""
    kept = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        if "text" in output:
            # Temporary folders have another name in each run.
            output.text = re.sub(r"^(INFO|WARNING):tensorflow:.*\n", "", output.text, flags=re.MULTILINE)
            output.text = re.sub(r"/tmp/tmp\w+", "/tmp/folder", output.text)
            if not output.text:
                continue
            if kept and kept[-1].get("name") == output.name:
                kept[-1].text += output.text
                continue
        kept.append(output)
    return kept


if __name__ == "__main__":
    for each in scripts():
        if not sys.argv[1:] or each.stem in sys.argv[1:]:
            make_notebook(each)
