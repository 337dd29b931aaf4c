"""Tables of numbers as loggers, weather services and data bases write them; the forecaster's tests have more."""

import json

import pytest

from apps.common.cli import UserError
from apps.common.tables import Column, Summary, Table
from apps.common.tables.reading import table_of

TIME = Column("time", None, ("time", "yyyymmdd", "yy"), "--time-column")


def read(text, name="series.csv"):
    return table_of(name, text.encode(), columns=(TIME,))


def test_blanks_between_columns_are_found_where_cells_are_numbers():
    table = read("time  load\n2024-01-01  5\n2024-01-02  6.5\n2024-01-03  7\n")
    assert table.names == ["time", "load"] and table.cells[1] == ["2024-01-02", "6.5"]
    assert len(read("text\na few words\nand more\nthan that\n").names) == 1


def test_commented_header_may_have_comments_around_it():
    table = read("# of a service\n# STN,YYYYMMDD,   HH\n#\n  260,20240101,    1\n  260,20240101,    2\n")
    assert table.names == ["STN", "YYYYMMDD", "HH"] and table.rows == [4, 5]
    # The names, and not the units below them.
    table = read("#YY  MM  deg\n#yr  mo  C\n2024  1  5\n2024  2  6\n2024  3  7\n")
    assert table.names == ["YY", "MM", "deg"]
    assert read("#,time,a\n1,2024-01-01,5\n2,2024-01-02,6\n").names[-2:] == ["time", "a"]


def test_name_that_also_is_a_cell_is_a_name_above_numbers():
    table = read("station;load;wind;end\n44;1;2;end\n44;3;4;end\n")
    assert table.names == ["station", "load", "wind", "end"] and len(table) == 2


def test_remarks_after_a_blank_line_are_left_out_and_others_refused():
    text = "time,a,b\n2024-01-01,1,2\n2024-01-02,3,4\n"
    table = read(text + "\na: load (kW)\nb: wind (m/s), mean\n")
    assert len(table) == 2 and "2 lines below the table, the first: 'a: load (kW)'" in table.notes[-1]
    with pytest.raises(UserError, match="row 4: 1 field, expected 3"):
        read(text + "a: load (kW)\n")
    with pytest.raises(UserError, match="row 5: 2 fields, expected 3"):
        read(text + "\n2024-01-03,5\n")


def test_range_query_of_prometheus_has_a_row_for_each_value():
    results = [{"metric": {"host": host}, "values": [[1, "5"], [2, "6"]]} for host in "ab"]
    table = read(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": results}}), "query.json")
    assert table.names == ["host", "time", "value"] and table.cells[2] == ["b", 1, "5"]


def test_example_of_a_summary_may_have_a_column_called_where():
    summary = Summary("file", "text")
    summary.example("row 2", where=1)
    assert summary.lines()[-1] == "  row 2: where 1"


def test_dropping_no_column_changes_nothing():
    table = Table("file", "text", ["a"], True, [2], [["1"]])
    cells = table.cells
    table.drop([])
    assert table.cells is cells
