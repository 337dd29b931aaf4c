"""Tables and figures."""

import pytest

from apps.common.reports import figure, table


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
