"""Tables and figures."""

import numpy as np
import pytest

from apps.common import fonts
from apps.common.reports import figure, plot_epochs, repetitions, table, verdict


def test_table_prints_values_as_they_are():
    lines = table([{"model": "a", "MCC": "0.9000"}, {"model": "bb", "MCC": "1e5"}], "github").splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "-" not in line] == [
        ["model", "MCC"],
        ["a", "0.9000"],
        ["bb", "1e5"],
    ]


def test_figure_is_saved_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.png"
    with figure(path, columns=2) as (left, right):
        left.plot([0, 1])
        right.plot([1, 0])
    with figure(tmp_path / "rows.png", columns=2, rows=3) as panels:
        assert panels.shape == (3, 2)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG") and content.rstrip().endswith(b"IEND\xaeB`\x82")
    with pytest.raises(RuntimeError), figure(path, columns=2):
        raise RuntimeError
    assert path.read_bytes() == content


def test_verdict_compares_with_the_strongest_baseline():
    assert (
        verdict("MCC", {"LSTM": 0.954, "SVM": 0.95, "all ham": 0.0}) == "LSTM: better than SVM (MCC 0.954 against 0.95)"
    )
    assert verdict("MAE", {"GRU": 2.0, "naive": 3.0, "ridge": 1.5}, lower_is_better=True) == (
        "GRU: no better than ridge (MAE 2 against 1.5): try more rows or epochs"
    )
    assert "no better" in verdict("MCC", {"a": 0.5, "b": 0.5})
    flawed = verdict("MCC", {"LSTM": 0.1, "all ham": 0.0}, flaw="every message is labelled 'ham'")
    assert flawed.startswith("LSTM: not usable, every message is labelled 'ham'; better than") and "try more" in flawed


def test_texts_that_repeat_themselves_or_each_other_are_found():
    inputs = [f"sentence {number}" for number in range(10)]
    assert repetitions([f"answer {number}" for number in range(10)], inputs) is None
    assert repetitions(["the same"] * 8 + ["a", "b"], inputs) == "8 of 10 answers are the same, 'the same'"
    assert repetitions(["the same"] * 10, ["one input"] * 10) is None
    assert (
        repetitions([f"{number} the the the the" for number in range(10)], inputs)
        == "10 of 10 answers repeat themselves"
    )
    assert repetitions([f"{number} " + "a man and " * 4 for number in range(10)], inputs) is not None
    assert repetitions(["a man and a man"] + [f"answer {number}" for number in range(9)], inputs) is None


def test_dollar_signs_are_drawn_as_they_are(tmp_path):
    with figure(tmp_path / "a.png", columns=1) as axes:
        axes.set_title("win $100, pay $x_1^2$ or $\\notacommand$")
    assert (tmp_path / "a.png").exists()


def test_epochs_are_whole_numbers(tmp_path):
    with figure(tmp_path / "a.png", columns=1) as axes:
        plot_epochs(axes, [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}], {"loss": "training"})
        ticks = axes.get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_figure_takes_fonts_that_have_the_characters(monkeypatch, tmp_path):
    assert fonts.fonts_for(["Größe, Привет, عربي"]) == ["DejaVu Sans"]
    monkeypatch.setattr(fonts, "_installed", lambda: (("First", "first"), ("Second", "second")))
    monkeypatch.setattr(
        fonts,
        "_characters",
        lambda path: frozenset({"first": map(ord, "一"), "second": map(ord, "一二")}.get(path, map(ord, "abc"))),
    )
    assert fonts.fonts_for(["a 一二"]) == ["DejaVu Sans", "Second"]


def test_characters_that_no_font_has_are_replaced_and_reported_once(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    monkeypatch.setattr(fonts, "_reported", set())
    assert fonts.drawable(["abc", "中文 text"]) == ["abc", "□□ text"]
    assert fonts.drawable(["中"]) == ["□"]
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no installed font has '中文'" in error
    with figure(tmp_path / "a.png", columns=1, texts=["中文"]) as axes:
        # A glyph that is missing is a warning, and so an error here.
        axes.set_title(fonts.drawable(["中文"])[0])
