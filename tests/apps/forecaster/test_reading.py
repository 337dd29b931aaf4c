"""Tables in every form become the same series: inferred steps, filled gaps, errors that name the row."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from apps.common.cli import UserError
from apps.common.series.gaps import fill_gaps
from apps.common.series.grid import infer_frequency, season_length, step_seconds
from apps.common.tables import TableFormat
from apps.forecaster.config import Config
from apps.forecaster.reading import read_series


def write(tmp_path, text, name="series.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def hourly(values, start="2024-01-01", name="a"):
    times = pd.date_range(start, periods=len(values), freq="h")
    return f"time,{name}\n" + "".join(f"{time},{value}\n" for time, value in zip(times, values, strict=True))


def read(path, **settings):
    return read_series(Config(data=str(path), **settings))


def test_wide_table_has_series_in_the_order_of_its_columns(csv_file, table):
    series = read(csv_file)
    assert series.names == ["market", "station"] and series.frequency == "h" and series.zone is None
    assert len(series) == len(table) and series.times[1] == table["time"][1]
    truth = table[["market", "station"]].to_numpy()
    np.testing.assert_array_equal(series.observed, ~np.isnan(truth))
    np.testing.assert_array_equal(series.values[series.observed], truth[series.observed])
    assert not series.observed.all() and np.isfinite(series.values).all()


def test_long_and_parquet_tables_equal_the_wide_one(csv_file, table, tmp_path):
    wide = read(csv_file)
    long = table.melt("time", ["station", "market"], "counter", "riders").sort_values(["counter", "time"])
    long.to_csv(tmp_path / "long.csv", index=False)
    table.drop(columns="holiday").to_parquet(tmp_path / "wide.parquet")
    table.drop(columns="holiday").set_index("time").to_parquet(tmp_path / "indexed.parquet")
    readings = [
        read(tmp_path / "long.csv", id_column=("counter",)),
        read(tmp_path / "wide.parquet"),
        read(tmp_path / "indexed.parquet"),
    ]
    for series in readings:
        assert series.fingerprint == wide.fingerprint


def test_long_table_with_two_values_has_a_series_for_each(tmp_path):
    rows = "".join(f"2024-01-0{day},{shop},{day},{10 * day}\n" for day in (1, 2, 3) for shop in "AB")
    series = read(write(tmp_path, "day,shop,sales,visits\n" + rows), id_column=("shop",))
    assert series.names == ["A sales", "A visits", "B sales", "B visits"]
    np.testing.assert_array_equal(series.values[2], [3, 30, 3, 30])


def test_known_columns_continue_after_the_series(tmp_path):
    text = "day,sales,open\n2024-01-01,5,1\n2024-01-02,6,0\n2024-01-03,7,1\n2024-01-04,,0\n2024-01-05,,1\n"
    series = read(write(tmp_path, text), known=("open",))
    assert series.names == ["sales"] and len(series) == 3
    np.testing.assert_array_equal(series.known[:, 0], [1, 0, 1, 0, 1])
    long = "day,shop,sales,open\n" + "".join(
        f"2024-01-0{day},{shop},{'' if day > 3 else day},{day % 2}\n" for day in range(1, 6) for shop in "AB"
    )
    series = read(write(tmp_path, long), known=("open",), id_column=("shop",))
    assert series.names == ["A", "B"] and len(series) == 3
    np.testing.assert_array_equal(series.known[:, 0], [1, 0, 1, 0, 1])


def test_separator_decimal_mark_and_time_format_are_options(tmp_path):
    text = "Datum;Wert\n" + "".join(f"{day}.01.2024 00:00;1,{day}\n" for day in range(1, 5))
    settings = {"decimal": ",", "time_format": "%d.%m.%Y %H:%M", "time_column": ("Datum",)}
    series = read(write(tmp_path, text), table=TableFormat(separator=";"), **settings)
    np.testing.assert_allclose(series.values[:, 0], [1.1, 1.2, 1.3, 1.4])
    text = "time,a\n" + "".join(f"{1_700_000_000 + 60 * step},{step}\n" for step in range(4))
    series = read(write(tmp_path, text), time_format="unix")
    assert series.frequency == "min" and str(series.times[0]) == "2023-11-14 22:13:20"


@pytest.mark.parametrize(
    "times, frequency, season",
    [
        (pd.date_range("2024-01-01", periods=9, freq="15min"), "15min", 96),
        (pd.date_range("2024-01-01", periods=9, freq="h"), "h", 24),
        (pd.date_range("2024-01-01 07:00", periods=9, freq="D"), "D", 7),
        (pd.date_range("2024-01-01", periods=9, freq="7D"), "7D", 52),
        (pd.date_range("2024-01-01", periods=12, freq="B"), "B", 5),
        (pd.date_range("2024-01-01", periods=9, freq="MS"), "MS", 12),
        (pd.date_range("2024-01-31", periods=9, freq="ME"), "ME", 12),
        (pd.date_range("2024-02-01", periods=9, freq="QS-FEB"), "QS-FEB", 4),
        (pd.date_range("1990-01-01", periods=9, freq="YS"), "YS-JAN", 1),
        (pd.date_range("2024-01-01", periods=30, freq="h").delete([4, 5, 17]), "h", 24),
        (pd.date_range("2024-01-01", periods=30, freq="MS").delete(7), "MS", 12),
    ],
)
def test_step_is_inferred(times, frequency, season):
    assert infer_frequency("x", pd.Series(range(len(times)), times)) == frequency
    assert season_length(frequency) == season
    assert (step_seconds(frequency) is None) == (frequency[0] in "BMQY")


def test_missing_rows_are_gaps(tmp_path):
    lines = hourly(range(100)).splitlines(keepends=True)
    series = read(write(tmp_path, "".join(lines[:51] + lines[54:])))
    assert len(series) == 100
    np.testing.assert_array_equal(np.flatnonzero(~series.observed[:, 0]), [50, 51, 52])
    np.testing.assert_array_equal(series.values[50:53, 0], [26, 27, 28])
    assert "  3 of 100 values missing: filled with the value 24 rows before, not scored" in series.summary.lines()
    series = read(write(tmp_path, "".join(lines[:51] + lines[54:])), fill="last")
    np.testing.assert_array_equal(series.values[49:54, 0], [49, 49, 49, 49, 53])


def test_gaps_are_filled_only_from_the_past():
    nan = np.nan
    frame = pd.DataFrame({"a": [1.0, 2, nan, 4, nan, nan, 7]})
    np.testing.assert_array_equal(fill_gaps("x", frame, 3, 10)[:, 0], [1, 2, 2, 4, 2, 2, 7])
    for end in range(3, 7):
        # Later rows change nothing.
        np.testing.assert_array_equal(fill_gaps("x", frame[:end], 3, 10), fill_gaps("x", frame, 3, 10)[:end])


def test_times_with_an_offset_are_converted_to_utc_and_back(tmp_path):
    text = "time,a\n2024-03-31 00:00+01:00,1\n2024-03-31 01:00+01:00,2\n2024-03-31 03:00+02:00,3\n"
    series = read(write(tmp_path, text), time_zone="Europe/Berlin")
    assert series.frequency == "h" and str(series.times[0]) == "2024-03-30 23:00:00"
    assert series.format_times(series.times)[2] == "2024-03-31 03:00:00+02:00"
    assert read(write(tmp_path, text)).format_times(series.times)[2] == "2024-03-31 01:00:00+00:00"


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_days_keep_their_step_when_clocks_change(tmp_path, zone):
    text = "time,a\n" + "".join(
        f"2024-{month:02}-{day:02}T00:00:00+0{1 + (month == 4)}:00,1{day}\n"
        for month, day in [(3, 30), (3, 31), (4, 1), (4, 2)]
    )
    series = read(write(tmp_path, text), time_zone=zone)
    assert series.frequency == "D" and series.format_times(series.times)[2] == "2024-04-01"


def test_local_times_that_occur_twice_need_a_time_zone(tmp_path):
    times = pd.date_range("2024-10-26 22:00", periods=30, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    text = "time,a\n" + "".join(f"{time:%Y-%m-%d %H:%M},{n}\n" for n, time in enumerate(times))
    with pytest.raises(UserError, match=r"row 5: the time 2024-10-27 02:00:00 occurs twice.*--time-zone"):
        read(write(tmp_path, text))
    series = read(write(tmp_path, text), time_zone="Europe/Berlin")
    assert len(series) == 30 and series.observed.all()
    assert series.format_times(series.times)[2:4] == ["2024-10-27 02:00:00+02:00", "2024-10-27 02:00:00+01:00"]


DAYS = "day,a,b\n2024-01-01,1,5\n2024-01-02,2,6\n2024-01-03,3,7\n2024-01-04,4,8\n"


@pytest.mark.parametrize(
    "text, settings, words",
    [
        ("", {}, ["no rows"]),
        ("day,a\n", {}, ["no rows"]),
        (DAYS, {"time_column": ("when",)}, ["no column 'when'", "--time-column"]),
        (DAYS, {"series": ("c",)}, ["no column 'c'", "'day', 'a', 'b'"]),
        (DAYS, {"known": ("a", "b")}, ["no column with a series"]),
        (DAYS.replace("2024-01-03", "soon"), {}, ["row 4", "'day'", "'soon'", "--time-format"]),
        (DAYS.replace("2024-01-03", "03.01.2024"), {}, ["row 4", "--time-format"]),
        (DAYS.replace("2024-01-03", ""), {}, ["row 4", "empty"]),
        (DAYS.replace("3,7", "three,7"), {}, ["row 4", "column 'a'", "'three' is not a number"]),
        (DAYS.replace("3,7", "inf,7"), {}, ["row 4", "column 'a'", "infinite"]),
        (DAYS.replace("3,7", "3"), {}, ["row 4", "2 fields, expected 3"]),
        ("day,a,b\n2024-01-01,1,\n2024-01-02,2,\n2024-01-03,3,nan\n", {"series": ("b",)}, ["'b' has no numbers"]),
        (DAYS.replace("2024-01-03", "2024-01-02"), {}, ["row 4", "occurs twice"]),
        (DAYS.replace("2024-01-04", "2024-06-04"), {}, ["gap of 152 rows", "--max-gap 100"]),
        (DAYS.replace("-03", "-03 05:00") + "2024-01-05,1,1\n2024-01-06,1,2\n", {}, ["row 4", "resample"]),
        (DAYS.replace("a,b", "a,a"), {}, ["two columns are called 'a'"]),
        (DAYS, {"frequency": "often"}, ["--frequency often"]),
        (DAYS, {"frequency": "2D"}, ["row 3", "not a whole number of steps of 2D"]),
        (DAYS.replace("2024-01-01", "2024-01-01 12:00"), {"time_zone": "Mars/Base"}, ["no such time zone"]),
        ("day,a\n2024-01-01,1\n2024-01-02,1\n", {}, ["too few different times"]),
        (hourly(range(10)).replace("time", "day") + "".join(
            f"2024-01-01 09:{m:02},1\n" for m in range(15, 60, 5)), {}, ["the step changes from"]),
        ("time,a\n2024-03-31 01:00,1\n2024-03-31 02:00,2\n2024-03-31 03:00,2\n", {"time_zone": "Europe/Berlin"},
         ["row 3", "does not exist in Europe/Berlin"]),
        ("time,a\n2024-10-27 01:00,1\n2024-10-27 02:00,2\n2024-10-27 03:00,2\n", {"time_zone": "Europe/Berlin"},
         ["an hour must occur twice"]),
    ],
)  # fmt: skip
def test_errors_name_the_row_and_the_column(tmp_path, text, settings, words):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as refused:
        read(path, **settings)
    for word in words:
        assert word in str(refused.value)
    assert path in str(refused.value) or any(name in str(refused.value) for name in ("--frequency", "--time-zone"))


def test_errors_of_long_tables_and_files_name_them(tmp_path):
    rows = "day,shop,a,p\n2024-01-01,A,1,0\n2024-01-02,A,2,0\n2024-01-03,A,3,0\n2024-01-01,B,1,1\n"
    with pytest.raises(UserError, match="'p' differs between the series"):
        read(write(tmp_path, rows), id_column=("shop",), known=("p",))
    with pytest.raises(UserError, match=r"row 6: the time of 'B' 2024-01-01 00:00:00 occurs twice.*--duplicates"):
        read(write(tmp_path, rows + "2024-01-01,B,1,1\n"), id_column=("shop",))
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "none.parquet")
    with pytest.raises(UserError, match="not a complete Parquet file"):
        read(write(tmp_path, "PAR1" + DAYS, "text.parquet"))
    with pytest.raises(UserError, match="this is a folder"):
        read(tmp_path)


def test_series_come_from_tensorflow_datasets(monkeypatch):
    import tensorflow_datasets as tfds

    class Features(dict):
        pass

    class Scalar:
        shape = ()

    class Builder:
        class info:
            features = Features(date=Scalar(), count=Scalar())

    rows = [{"date": f"2024-01-0{day}".encode(), "count": np.int64(day)} for day in range(1, 6)]
    monkeypatch.setattr("apps.common.tfds_sets.open_set", lambda name, split: Builder)
    monkeypatch.setattr("apps.common.tfds_sets.rows", lambda builder, split: iter(rows))
    series = read("tfds:counts")
    assert series.names == ["count"] and series.frequency == "D"
    np.testing.assert_array_equal(series.values[:, 0], [1, 2, 3, 4, 5])
    Builder.info.features["image"] = tfds.features.Image(shape=(2, 2, 3))
    with pytest.raises(UserError, match=r"'image' has the shape \(2, 2, 3\)"):
        read("tfds:counts")


def test_table_for_a_trained_model_needs_the_same_series_and_step(tmp_path):
    first = read(write(tmp_path, DAYS))
    config = Config(data="x")
    other = write(tmp_path, DAYS.replace("day,a,b", "day,b,a"), "turned.csv")
    np.testing.assert_array_equal(read_series(config, other, like=first).values[0], [5, 1])
    with pytest.raises(UserError, match="no series 'b'; the model was trained on 'a', 'b', this has 'a', 'c'"):
        read_series(config, write(tmp_path, DAYS.replace("a,b", "a,c"), "other.csv"), like=first)
    with pytest.raises(UserError, match="a step of h, the model was trained with D"):
        read_series(
            config,
            write(tmp_path, hourly(range(5)).replace("time,a", "time,a")),
            like=dataclasses.replace(first, names=["a"]),
        )


def test_another_table_is_read_as_the_training_was(tmp_path):
    # Monthly from January on, so only the second year decides about day and month.
    months = [f"01/{1 + n % 12:02}/{2020 + n // 12},{n},x" for n in range(24)]
    first = read(write(tmp_path, "date,a,note\n" + "\n".join(months)))
    assert first.frequency == "MS" and first.names == ["a"]
    config = Config(data="x")
    recent = "note,a,date\n" + "\n".join(",".join(line.split(",")[::-1]) for line in months[:6])
    other = read_series(config, write(tmp_path, recent, "recent.csv"), like=first)
    assert other.frequency == "MS" and other.values[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(UserError, match=r"--time-format %d/%m/%Y"):
        read(write(tmp_path, recent, "recent.csv"))
    with pytest.raises(UserError, match=r"--duplicates.*\(options of train; other tables"):
        read_series(config, write(tmp_path, recent + "\nx,5,01/06/2020", "doubled.csv"), like=first)


def test_long_tables_are_read_as_the_training_was(tmp_path):
    rows = "day,shop,a,b\n" + "".join(f"2024-01-0{d},{s},{d},{10 * d}\n" for d in range(1, 6) for s in "AB")
    config = Config(data="x", id_column=("shop",), series=("a",))
    first = read_series(config, write(tmp_path, rows))
    assert first.names == ["A", "B"]
    other = read_series(config, write(tmp_path, rows + "2024-01-01,C,1,1\n", "more.csv"), like=first)
    assert other.names == ["A", "B"]
    with pytest.raises(UserError, match="no series 'A'; the model was trained on 'A', 'B', this has 'B', 'C'"):
        read_series(config, write(tmp_path, rows.replace(",A,", ",C,"), "others.csv"), like=first)


def test_numbered_rows_are_forecast_by_their_numbers(tmp_path):
    series = read(write(tmp_path, "a\n" + "\n".join(map(str, range(9)))))
    assert series.frequency == "row" and season_length("row") == 1
    assert series.format_times(series.times_after(2)) == ["10", "11"]
    assert list(series.axis(series.times[:2])) == [1, 2]
    long = "t,shop,a\n" + "".join(f"{t},{s},{t}\n" for s in "AB" for t in range(3, 9))
    series = read(write(tmp_path, long), id_column=("shop",))
    assert series.frequency == "row" and series.format_times(series.times)[0] == "3" and len(series) == 6


def test_counted_steps_with_holes_have_gaps(tmp_path):
    series = read(write(tmp_path, "t,a\n1,5\n2,6\n4,8\n5,9\n"))
    assert len(series) == 5 and series.observed[:, 0].tolist() == [True, True, False, True, True]


def test_a_folder_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"a folder, expected a file; give one of its files.*--id-column"):
        read(tmp_path)
