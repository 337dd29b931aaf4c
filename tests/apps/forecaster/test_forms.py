"""Every form of a table that the README lists, and the forms that real programs write, become the series they mean."""

import json

import numpy as np
import pandas as pd
import pytest

from apps.common.cli import UserError
from apps.forecaster.config import Config
from apps.forecaster.reading import read_series


def rows(times, header="time,a", first=1):
    """Return a table whose values are 1, 2, 3, ..."""
    return f"{header}\n" + "".join(f"{time},{number}\n" for number, time in enumerate(times, first))


def read(tmp_path, text, name="series.csv", **settings):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_series(Config(data=str(path), **settings))


def notes(series):
    return "\n".join(series.summary.lines())


QUARTERS = ("QS-JAN", "1980-01-01", "1980-04-01")
MONTHS = ("MS", "2020-01-01", "2020-02-01")
HOURS = ("h", "2024-01-01 00:00", "2024-01-01 01:00")
# How a time can be written: (cells, header, (step, first time, second time)).
TIMES = {
    "quarter": (["1980Q1", "1980Q2", "1980Q3"], "quarter,a", QUARTERS),
    "quarter with a dash": (["1980-Q1", "1980-Q2", "1980-Q3"], "date,a", QUARTERS),
    "quarter first": (["Q1 1980", "Q2 1980", "Q3 1980"], "date,a", QUARTERS),
    "number of the quarter first": (["1Q80", "2Q80", "3Q80"], "date,a", QUARTERS),
    "half-years": (["2020H1", "2020H2", "2021H1"], "date,a", ("6MS", "2020-01-01", "2020-07-01")),
    "weeks": (["2024-W05", "2024-W06", "2024-W07"], "week,a", ("7D", "2024-01-29", "2024-02-05")),
    "weeks without a dash": (["2024W05", "2024W06", "2024W07"], "week,a", ("7D", "2024-01-29", "2024-02-05")),
    "month": (["Jan 2020", "Feb 2020", "Mar 2020"], "month,a", MONTHS),
    "whole month": (["January 2020", "February 2020", "March 2020"], "month,a", MONTHS),
    "German months": (["Januar 2020", "Februar 2020", "März 2020"], "Monat,a", MONTHS),
    "month as Excel writes it": (["Jan-20", "Feb-20", "Mar-20"], "month,a", MONTHS),
    "IMF month": (["2020M01", "2020M02", "2020M03"], "period,a", MONTHS),
    "month and year": (["01/2020", "02/2020", "03/2020"], "month,a", MONTHS),
    "Chinese": (["2020年1月", "2020年2月", "2020年3月"], "time,a", MONTHS),
    "day by name": (["30-Jan-2020", "31-Jan-2020", "1-Feb-2020"], "day,a", ("D", "2020-01-30", "2020-01-31")),
    "American day": (['"Mar 3, 2021"', '"Mar 4, 2021"', '"Mar 5, 2021"'], "day,a", ("D", "2021-03-03", "2021-03-04")),
    "weekday": (['"Wed, 03 Mar 2021"', '"Thu, 04 Mar 2021"', '"Fri, 05 Mar 2021"'], "date,a",
                ("D", "2021-03-03", "2021-03-04")),
    "year": (["1950", "1951", "1952"], "year,a", ("YS-JAN", "1950-01-01", "1951-01-01")),
    "every fifth year": (["1950", "1955", "1960"], "year,a", ("5YS-JAN", "1950-01-01", "1955-01-01")),
    "year and month": (["202001", "202002", "202003"], "date,a", MONTHS),
    "year.month": (["1871.09", "1871.1", "1871.11"], "Date,a", ("MS", "1871-09-01", "1871-10-01")),
    "digits of a day": (["20200130", "20200131", "20200201"], "date,a", ("D", "2020-01-30", "2020-01-31")),
    "digits of a minute": (["202401010000", "202401010100", "202401010200"], "date,a", HOURS),
    "seconds": ([f"{1_704_067_200 + 3600 * step}" for step in range(3)], "time,a", HOURS),
    "milliseconds": ([f"{1_704_067_200_000 + 3_600_000 * step}" for step in range(3)], "time,a", HOURS),
    "microseconds": ([f"{(1_704_067_200 + 3600 * step) * 10**6}" for step in range(3)], "time,a", HOURS),
    "nanoseconds": ([f"{(1_704_067_200 + 3600 * step) * 10**9}" for step in range(3)], "time,a", HOURS),
    "fractions of seconds": ([f"{1_704_067_200 + 3600 * step}.0" for step in range(3)], "time,a", HOURS),
    "Excel's days": (["43831", "43832", "43833"], "date,a", ("D", "2020-01-01", "2020-01-02")),
    "Excel's hours": (["43831.5", "43831.541666666664", "43831.583333333336"], "date,a",
                      ("h", "2020-01-01 12:00", "2020-01-01 13:00")),
    "UTC in words": (["2024-01-01 00:00 UTC", "2024-01-01 01:00 UTC", "2024-01-01 02:00 UTC"], "time,a", HOURS),
    "GMT": (["2024-01-01 00:00:00 GMT", "2024-01-01 01:00:00 GMT", "2024-01-01 02:00:00 GMT"], "time,a", HOURS),
    "Z": (["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z"], "time,a", HOURS),
    "offset": (["2024-01-01T01:00+0100", "2024-01-01T02:00+0100", "2024-01-01T03:00+0100"], "time,a", HOURS),
    "noon": (["1/30/2024 11:00 AM", "1/30/2024 12:00 PM", "1/30/2024 1:00 PM"], "time,a",
             ("h", "2024-01-30 11:00", "2024-01-30 12:00")),
    "hours with a dash": (["2024-01-01 12-AM", "2024-01-01 01-AM", "2024-01-01 02-AM"], "date,a", HOURS),
    "hour 24": (["2024-01-01 23:00", "2024-01-01 24:00", "2024-01-02 01:00"], "time,a",
                ("h", "2024-01-01 23:00", "2024-01-02 00:00")),
    "day first": (["30/01/2024", "31/01/2024", "01/02/2024"], "date,a", ("D", "2024-01-30", "2024-01-31")),
    "month first": (["1/30/24", "1/31/24", "2/1/24"], "date,a", ("D", "2024-01-30", "2024-01-31")),
    "German points": (["01.02.2024", "02.02.2024", "03.02.2024"], "Datum,a", ("D", "2024-02-01", "2024-02-02")),
    "year with slashes": (["2024/01/30", "2024/1/31", "2024/2/1"], "date,a", ("D", "2024-01-30", "2024-01-31")),
    "from and to": (["01.01.2024 00:00 - 01.01.2024 01:00", "01.01.2024 01:00 - 01.01.2024 02:00",
                     "01.01.2024 02:00 - 01.01.2024 03:00"], "MTU,a", HOURS),
    "weeks from and to": (["2024-01-07 - 2024-01-13", "2024-01-14 - 2024-01-20", "2024-01-21 - 2024-01-27"], "week,a",
                          ("7D", "2024-01-07", "2024-01-14")),
    "web server": (["[01/Jan/2024:00:00:00 +0000]", "[01/Jan/2024:01:00:00 +0000]", "[01/Jan/2024:02:00:00 +0000]"],
                   "time,a", HOURS),
    "JavaScript": (["Mon Jan 01 2024 01:00:00 GMT+0100 (CET)", "Mon Jan 01 2024 02:00:00 GMT+0100 (CET)",
                    "Mon Jan 01 2024 03:00:00 GMT+0100 (CET)"], "time,a", HOURS),
    "clock with points": (["01/13/2024 00.00.00", "01/13/2024 01.00.00", "01/13/2024 02.00.00"], "date,a",
                          ("h", "2024-01-13 00:00", "2024-01-13 01:00")),
    "unknown name": (["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00"], "Messung,a", HOURS),
    "jitter": (["2024-01-01 10:00:01", "2024-01-01 10:15:02", "2024-01-01 10:30:00", "2024-01-01 10:45:03"], "time,a",
               ("15min", "2024-01-01 10:00", "2024-01-01 10:15")),
    "middle of the month": (["2020-01-15", "2020-02-14", "2020-03-16", "2020-04-15"], "date,a", MONTHS),
}  # fmt: skip


@pytest.mark.parametrize("cells, header, expected", TIMES.values(), ids=TIMES)
def test_times_are_read_as_people_write_them(tmp_path, cells, header, expected):
    series = read(tmp_path, rows(cells, header))
    assert (series.frequency, *series.times[:2]) == (expected[0], *map(pd.Timestamp, expected[1:]))
    assert series.names == ["a"] and len(series) == len(cells) and series.observed.all()
    np.testing.assert_array_equal(series.values[:, 0], range(1, len(cells) + 1))


# Numbers of a column: (cells, settings, values).
NUMBERS = {
    "missing marks": (["1", "?", "3", "-", "5", "--", ".", "NA", "#N/A", "#DIV/0!", "NaN", "null", "None", r"\N", "15"],
                      {}, [1, *[np.nan, 3, np.nan, 5], *[np.nan] * 9, 15]),
    "own mark": (["1", "-9999", "3", "-9999.0"], {"missing": ("-9999",)}, [1, np.nan, 3, np.nan]),
    "own word": (["1", "off line", "3"], {"missing": ("Off Line",)}, [1, np.nan, 3]),
    "dollars": (["$100.73", "$99", '"$1,100.73"'], {}, [100.73, 99, 1100.73]),
    "euros": (["€ 5", "€ 6", "-€ 7"], {}, [5, 6, -7]),
    "thousands": (['"1,100.73"', '"12,345,678"', "5"], {}, [1100.73, 12345678, 5]),
    "Indian thousands": (['"1,00,000"', '"12,00,000"', "5"], {}, [100000, 1200000, 5]),
    "blanks between thousands": (["1 234", "5\u202f678", "9\u00a0012.5"], {}, [1234, 5678, 9012.5]),
    "apostrophes": (["1'234", "5\u2019678", "9"], {}, [1234, 5678, 9]),
    "percent": (["5.0%", "6 %", "7%"], {}, [5, 6, 7]),
    "finance": (["1.5K", "2.3M", "1.2B"], {}, [1500, 2.3e6, 1.2e9]),
    "German": (['"5.040,53"', "4.933", '"0,5"'], {"decimal": ","}, [5040.53, 4933, 0.5]),
    "only thousands": (['"1,234"', '"2,345"', '"3,456"'], {}, [1234, 2345, 3456]),
    "accounts": (["(5)", "6", "7-"], {}, [-5, 6, -7]),
    "minus of typesetters": (["\u22125", "6", "7"], {}, [-5, 6, 7]),
    "units": (["5 kWh", "6 kWh", "7 kWh"], {}, [5, 6, 7]),
    "exponents": (["1e3", "2E-3", "+3"], {}, [1000, 0.002, 3]),
    "formulas of text": (['="5"', '="6"', '="7"'], {}, [5, 6, 7]),
    "truth": (["True", "False", "TRUE"], {}, [1, 0, 1]),
    "yes and no": (["yes", "no", "Yes"], {}, [1, 0, 1]),
}  # fmt: skip


@pytest.mark.parametrize("cells, settings, expected", NUMBERS.values(), ids=NUMBERS)
def test_numbers_are_read_as_people_write_them(tmp_path, cells, settings, expected):
    times = pd.date_range("2024-01-01", periods=len(cells)).strftime("%Y-%m-%d")
    text = "day,a,b\n" + "".join(
        f"{time},{cell},{n}\n" for n, (time, cell) in enumerate(zip(times, cells, strict=True))
    )
    series = read(tmp_path, text, **settings)
    found = np.where(series.observed[:, 0], series.values[:, 0], np.nan)
    np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-12)
    assert len(series) == len(cells)


DAYS = "day,a,b\n2024-01-01,1,5\n2024-01-02,2,6\n2024-01-03,3,7\n"
LONG = "date,store,item,sales\n" + "".join(
    f"2024-01-0{day},{store},{item},{100 * day + 10 * store + item}\n" for day in (1, 2, 3) for store in (1, 2)
    for item in (1, 2)
)  # fmt: skip
# Layouts: (text, settings, names, first row of values, number of rows, words of the summary).
LAYOUTS = {
    "newest first": ("day,a\n2024-01-03,3\n2024-01-02,2\n2024-01-01,1\n", {}, ["a"], [1], 3, "newest row came first"),
    "unsorted": ("day,a\n2024-01-01,1\n2024-01-03,3\n2024-01-02,2\n", {}, ["a"], [1], 3,
                 "1 row: earlier than the row before, sorted (4)"),
    "doubled, first": (DAYS + "2024-01-01,9,9\n", {"duplicates": "first"}, ["a", "b"], [1, 5], 3, "occurs again"),
    "doubled, last": (DAYS + "2024-01-01,9,9\n", {"duplicates": "last"}, ["a", "b"], [9, 9], 3, "occurs again"),
    "doubled, mean": (DAYS + "2024-01-01,9,9\n", {"duplicates": "mean"}, ["a", "b"], [5, 7], 3, "occurs again"),
    "doubled, sum": (DAYS + "2024-01-01,9,9\n", {"duplicates": "sum"}, ["a", "b"], [10, 14], 3,
                     "1 row: time that occurs again, by --duplicates sum (5)"),
    "date and clock": ("Date;Time;a\n16/12/2006;17:24:00;1\n16/12/2006;17:25:00;2\n16/12/2006;17:26:00;?\n"
                       "16/12/2006;17:27:00;4\n", {}, ["a"], [1], 4, "columns"),
    "date and hour": ("date,hour,a\n" + "".join(f"2024-01-01,{hour},{hour}\n" for hour in range(5)), {}, ["a"], [0], 5,
                      "'date' and column 'hour'"),
    "hour ending": ("date,hour,a\n" + "".join(f"2024-01-0{1 + n // 24},{n % 24 + 1},{n}\n" for n in range(48)), {},
                    ["a"], [0], 48, "from 2024-01-01 01:00:00 to 2024-01-03 00:00:00"),
    "named date and clock": ("d,t,a\n" + "".join(f"2024-01-01,{hour}:00,{hour}\n" for hour in range(5)),
                             {"time_column": ("d", "t")}, ["a"], [0], 5, "'d' and column 't'"),
    "year, month, day, hour": ("No,year,month,day,hour,pm2.5,cbwd\n" + "".join(
        f"{n + 1},2010,1,{1 + n // 24},{n % 24},{n},NW\n" for n in range(48)), {}, ["pm2.5"], [0], 48,
        "'cbwd'"),
    "year and month": ("Year,Month,a\n" + "".join(f"2020,{m},{m}\n" for m in range(1, 7)), {}, ["a"], [1], 6, "MS"),
    "year and quarter": ("Year,Quarter,a\n" + "".join(f"2020,Q{m},{m}\n" for m in range(1, 5)), {}, ["a"], [1], 4,
                         "QS"),
    "no time": ("a,b\n1,5\n2,6\n3,7\n", {}, ["a", "b"], [1, 5], 3, "1 row, 3 rows from 1 to 3"),
    "row counter": ("step,a\n10,5\n11,6\n13,7\n", {}, ["a"], [5], 4, "from 10 to 13"),
    "rows by option": (DAYS, {"frequency": "row", "leave_out": ("day",)}, ["a", "b"], [1, 5], 3, "from 1 to 3"),
    "units below the header": ("day,a,b\n,°C,%\n" + DAYS[8:], {}, ["a", "b"], [1, 5], 3, "units or descriptions"),
    "total": (DAYS + "Total,6,18\n", {}, ["a", "b"], [1, 5], 3, "no data at the end"),
    "remark": (DAYS + "Quelle: eigene Messung,,\n", {}, ["a", "b"], [1, 5], 3, "no data at the end"),
    "header again": (DAYS + "day,a,b\n2024-01-04,4,8\n", {}, ["a", "b"], [1, 5], 4, "the header is repeated"),
    "only text": ("day,a,name\n2024-01-01,1,x\n2024-01-02,2,y\n2024-01-03,3,\n", {}, ["a"], [1], 3,
                  "no numbers in 'name', left out"),
    "constant": (DAYS.replace(",6", ",5").replace(",7", ",5"), {}, ["a"], [1], 3, "constant in the training rows"),
    "left out": (DAYS, {"leave_out": ("a",)}, ["b"], [5], 3, "1: 'b'"),
    "empty": ("day,a,b\n2024-01-01,1,\n2024-01-02,2,\n2024-01-03,3,NA\n", {}, ["a"], [1], 3,
              "no value in 'b', left out"),
    "later begin": ("day,a,b\n" + "".join(f"2024-01-0{d},{d},{d if d > 2 else ''}\n" for d in range(1, 8)), {},
                    ["a", "b"], [3, 3], 5, "2 rows at the beginning left out: series 'b' begins at 2024-01-03"),
    "earlier end": ("day,a,b\n" + "".join(f"2024-01-0{d},{d},{d if d < 6 else ''}\n" for d in range(1, 9)),
                    {"max_gap": 2}, ["a", "b"], [1, 1], 5, "3 rows at the end left out: series 'b' ends at 2024-01-05"),
    "one id": (LONG.replace(",1,1,", ",1,").replace(",1,2,", ",2,").replace(",2,1,", ",3,").replace(",2,2,", ",4,")
               .replace("item,", ""), {"id_column": ("store",)}, ["1", "2", "3", "4"], [111, 112, 121, 122], 3, "4:"),
    "two ids": (LONG, {"id_column": ("store", "item")}, ["1 1", "1 2", "2 1", "2 2"], [111, 112, 121, 122], 3, "4:"),
    "series left out": (LONG, {"id_column": ("store", "item"), "leave_out": ("1 2",)}, ["1 1", "2 1", "2 2"],
                        [111, 121, 122], 3, "3:"),
    "long, later begin": ("day,shop,a\n" + "".join(
        f"2024-01-0{d},{shop},{d}\n" for d in range(1, 8) for shop in "AB" if shop == "A" or d > 2),
        {"id_column": ("shop",)}, ["A", "B"], [3, 3], 5, "series 'B' begins at 2024-01-03"),
    "irregular": ("time,a\n2024-01-01 00:10,1\n2024-01-01 00:20,3\n2024-01-01 01:17,5\n2024-01-01 03:05,7\n",
                  {"resample": "h"}, ["a"], [2], 4, "1 step without a row are missing"),
    "events": ("time,a\n2024-01-01 00:10,1\n2024-01-01 00:10,3\n2024-01-01 01:17,5\n2024-01-01 03:05,7\n",
               {"resample": "h", "aggregate": "sum"}, ["a"], [4], 4, "have the sum 0"),
    "events of two": ("time,shop,a\n" + "".join(f"2024-01-01 0{h}:{m},{s},1\n" for h, m, s in (
        (0, 10, "A"), (0, 10, "A"), (3, 20, "A"), (0, 30, "B"), (3, 40, "B"), (1, 50, "B"))),
        {"resample": "h", "aggregate": "sum", "id_column": ("shop",)}, ["A", "B"], [2, 1], 4,
        "6 rows brought to 8 steps of h by their sum (--resample); 3 steps without a row have the sum 0"),
    "every second day": (DAYS + "2024-01-04,4,8\n", {"resample": "2D"}, ["a", "b"], [1.5, 5.5], 2, "2D, 2 rows"),
    "World Bank": ("Country Name,Country Code,Series Name,1960 [YR1960],1961 [YR1961],1962 [YR1962],1963 [YR1963]\n"
                   "France,FRA,GDP,1,2,3,4\nSpain,ESP,GDP,5,..,7,8\n", {}, ["France", "Spain"], [1, 5], 4,
                   "each row is a series"),
    "Johns Hopkins": ("Province/State,Country/Region,Lat,Long,1/22/20,1/23/20,1/24/20,1/25/20,1/26/20\n"
                      ",Austria,47.5,14.5,0,1,2,3,4\n,Spain,40,-4,1,3,5,7,9\n", {}, ["Austria", "Spain"], [0, 1], 5,
                      "from 2020-01-22 to 2020-01-26"),
    "years by months": ("Year,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec\n" + "".join(
        f"{year},{','.join(str(12 * year + m) for m in range(12))}\n" for year in (1950, 1951)), {}, ["value"],
        [23400], 24, "put one below the other"),
    "days by hours": ("Date," + ",".join(f"H{hour:02}" for hour in range(1, 25)) + "\n" + "".join(
        f"2024-01-0{day},{','.join(str(24 * day + h) for h in range(24))}\n" for day in (1, 2)), {}, ["value"], [24],
        48, "from 2024-01-01 00:00:00 to 2024-01-02 23:00:00"),
    "yfinance": ("Price,Close,High\nTicker,AAPL,AAPL\nDate,,\n2024-01-02,1,2\n2024-01-03,2,3\n2024-01-04,3,4\n", {},
                 ["Close", "High"], [1, 2], 3, "2 rows: units or descriptions, left out (2, 3)"),
    "Campbell TOA5": ('"TOA5","CR1000","CR1000","123","std","prog","1","Table"\n"TIMESTAMP","RECORD","AirT"\n'
                      '"TS","RN","DegC"\n"","","Avg"\n"2024-01-01 00:00:00",0,1.5\n"2024-01-01 00:30:00",1,"NAN"\n'
                      '"2024-01-01 01:00:00",2,2.5\n', {}, ["AirT"], [1.5], 3, "'RECORD' only counts the rows"),
    "Google Trends": ("Category: All categories\n\nWeek,python: (Worldwide)\n2024-01-07,80\n2024-01-14,82\n"
                      "2024-01-21,<1\n",
                      {"missing": ("<1",)}, ["python: (Worldwide)"], [80], 2, None),
    "FRED": ("observation_date,UNRATE\n1948-01-01,3.4\n1948-02-01,3.8\n1948-03-01,.\n1948-04-01,3.9\n", {}, ["UNRATE"],
             [3.4], 4, "MS"),
    "Yahoo": ('Date,Open,Volume\n"Mar 6, 2024",170.1,"71,765,100"\n"Mar 5, 2024",170.8,"95,132,400"\n'
              '"Mar 4, 2024",176.2,"81,510,100"\n', {}, ["Open", "Volume"], [176.2, 81510100], 3,
              "newest row came first"),
    "Air Quality UCI": ("Date;Time;CO(GT);T;;\n10/03/2004;18.00.00;2,6;13,6;;\n10/03/2004;19.00.00;2;13,3;;\n"
                        "10/03/2004;20.00.00;-200;11,9;;\n10/03/2004;21.00.00;2,2;11;;\n13/03/2004;00.00.00;1;2;;\n"
                        ";;;;;\n",
                        {"decimal": ",", "missing": ("-200",)}, ["CO(GT)", "T"], [2.6, 13.6], 55, "from 2004-03-10 18"),
    "M5": ("item_id," + ",".join(f"d_{n}" for n in range(1, 31)) + "\n" + "".join(
        f"{item},{','.join(str(n * k) for n in range(30))}\n" for k, item in enumerate(("hat", "cap"), 1)), {},
        ["hat", "cap"], [0, 0], 30, "each row is a series"),
    "InfluxDB": ("#group,false,false,true,false,true\n#datatype,string,long,dateTime:RFC3339,double,string\n"
                 "#default,_result,,,,\n,result,table,_time,_value,host\n" + "".join(
                     f",,{k},2024-01-01T00:{m:02}:00Z,{m + k},h{k}\n" for k in range(2) for m in range(5)),
                 {"id_column": ("host",), "series": ("_value",)}, ["h0", "h1"], [0, 1], 5, "3 lines above the table"),
    "NOAA's buoys": ("#YY  MM DD hh mm WDIR WSPD\n#yr  mo dy hr mn degT m/s\n" + "".join(
        f"2024 01 01 {h:02} 50 {90 + h:3}  {h}.5\n" for h in range(5)), {}, ["WDIR", "WSPD"], [90, 0.5], 5,
        "from 2024-01-01 00:50:00 to"),
    "KNMI": ("# BRON: KNMI\n#\n# STN,YYYYMMDD,   HH,   FH\n#\n" + "".join(
        f"  260,20240101,{h:5},{10 * h:5}\n" for h in range(1, 25)), {}, ["FH"], [10], 24, "to 2024-01-02 00:00:00"),
    "DWD": ("STATIONS_ID;MESS_DATUM;TT_TU;eor\n" + "".join(
        f"         44;20240101{h:02};  {h}.5;eor\n" for h in range(5)), {}, ["TT_TU"], [0.5], 5, "'eor'"),
    "PVGIS": ("Latitude:\t45.0\nLongitude:\t8.0\n\ntime,P,T2m\n" + "".join(
        f"20240101:{h:02}10,{h}.0,{h}.5\n" for h in range(24)) + "\nP: PV system power (W)\nPVGIS (c) EU, 2001-2023\n",
        {}, ["P", "T2m"], [0, 0.5], 24, "2 lines below the table"),
    "British periods": ("SETTLEMENT_DATE,SETTLEMENT_PERIOD,ND\n" + "".join(
        f"0{1 + n // 48}-JAN-2024,{n % 48 + 1},{n}\n" for n in range(96)), {}, ["ND"], [0], 96, "30min"),
    "start and end": ("DATE,START TIME,END TIME,USAGE\n" + "".join(
        f"2024-01-01,{h:02}:00,{h:02}:59,{h}\n" for h in range(24)), {}, ["USAGE"], [0], 24, "column 'START TIME'"),
    "two times": ("Open time,Open,Close time\n" + "".join(
        f"{1704067200000 + 3600000 * n},{n},{1704070799999 + 3600000 * n}\n" for n in range(5)), {}, ["Open"], [0], 5,
        "column 'Close time' is another time, left out"),
    "bicycles": ("instant,dteday,yr,mnth,hr,cnt\n" + "".join(
        f"{n + 1},2011-01-0{1 + n // 24},0,1,{n % 24},{n}\n" for n in range(48)), {}, ["cnt"], [0], 48, "column 'hr'"),
    "stars": (DAYS.replace(",6", ",***"), {}, ["a", "b"], [1, 5], 3, "1 cell with '***' read as missing"),
    "tabs": (DAYS.replace(",", "\t"), {}, ["a", "b"], [1, 5], 3, "tab between columns"),
    "no header": (DAYS[8:], {}, ["2", "3"], [1, 5], 3, "column 1"),
}  # fmt: skip


@pytest.mark.parametrize("text, settings, names, first, length, words", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_become_the_series_they_mean(tmp_path, text, settings, names, first, length, words):
    series = read(tmp_path, text, **settings)
    assert series.names == names and len(series) == length
    np.testing.assert_array_equal(series.values[0], first)
    assert words is None or words in notes(series)


def test_json_and_excel_tables_equal_the_text(tmp_path):
    expected = read(tmp_path, DAYS).fingerprint
    frame = pd.DataFrame({"day": ["2024-01-01", "2024-01-02", "2024-01-03"], "a": [1, 2, 3], "b": [5, 6, 7]})
    records = frame.to_dict("records")
    assert read(tmp_path, json.dumps(records), "list.json").fingerprint == expected
    assert read(tmp_path, "\n".join(map(json.dumps, records)), "lines.jsonl").fingerprint == expected
    frame["day"] = pd.to_datetime(frame["day"])
    frame.to_parquet(tmp_path / "series.parquet")
    assert read_series(Config(data=str(tmp_path / "series.parquet"))).fingerprint == expected
    prometheus = [{"metric": {"instance": "a"}, "values": [[1704067200 + 60 * n, str(n)] for n in range(5)]}]
    document = {"status": "success", "data": {"resultType": "matrix", "result": prometheus}}
    assert read(tmp_path, json.dumps(document), "query.json").values[:, 0].tolist() == [0, 1, 2, 3, 4]
    frame.to_csv(tmp_path / "series.csv.gz", index=False)
    assert read_series(Config(data=str(tmp_path / "series.csv.gz"))).fingerprint == expected
    openpyxl = pytest.importorskip("openpyxl")
    assert openpyxl
    frame.to_excel(tmp_path / "series.xlsx", index=False)
    assert read_series(Config(data=str(tmp_path / "series.xlsx"))).fingerprint == expected


# What is refused: (text, settings, words).
REFUSED = {
    "doubled": (DAYS + "2024-01-03,3,7\n", {}, ["row 5", "2024-01-03 00:00:00 occurs twice", "--duplicates"]),
    "long": (LONG, {}, ["row 3", "--id-column store item"]),
    "long by text": ("day,shop,a\n" + "".join(f"2024-01-0{d},{s},{d}\n" for d in (1, 2, 3, 4) for s in "AB"), {},
                     ["row 3", "--id-column shop"]),
    "either order": ("date,a\n01/02/2024,1\n02/03/2024,2\n03/04/2024,3\n",
                     {}, ["--time-format %d/%m/%Y", "%m/%d/%Y"]),
    "bad format": (DAYS, {"time_format": "%Q"}, ["--time-format %Q", "not a format"]),
    "decimal comma": ('day,a\n2024-01-01,"5,3"\n2024-01-02,"6,1"\n2024-01-03,7\n', {},
                      ["row 2", "'5,3'", "--decimal ,"]),
    "doubtful comma": ("day;a\n2024-01-01;1,234\n2024-01-02;2,345\n2024-01-03;3,456\n", {},
                       ["'1,234'", "--decimal , or --decimal ."]),
    "mixed": (DAYS.replace("3,7", "three,7"), {}, ["row 4", "column 'a'", "'three' is not a number", "--leave-out"]),
    "two currencies": ("day,a\n2024-01-01,$5\n2024-01-02,€6\n2024-01-03,$7\n", {}, ["row 2", "'$5' is not a number"]),
    "irregular": ("time,a\n2024-01-01 00:10,1\n2024-01-01 00:17,3\n2024-01-01 01:41,5\n2024-01-01 03:05,7\n", {},
                  ["row 3", "--resample"]),
    "events": ("time,a\n" + "".join(f"2024-01-{1 + n // 3:02} {7 * (n % 3):02}:{n % 60:02}:{n * n % 60:02},{n}\n"
                                    for n in range(60)), {}, ["--resample"]),
    "bad resample": (DAYS, {"resample": "often"}, ["--resample often", "no such step"]),
    "absent": (DAYS, {"leave_out": ("c",)}, ["--leave-out c", "'a', 'b'"]),
    "no value": ("day,a\n2024-01-01,x\n2024-01-02,y\n", {}, ["no column with numbers", "'day', 'a'"]),
    "all constant": ("day,a\n2024-01-01,5\n2024-01-02,5\n2024-01-03,5\n", {},
                     ["series 'a' is 5 in all training rows"]),
    "far apart": ("day,a,b\n" + "".join(f"2024-01-0{d},{d if d < 4 else ''},{d if d > 2 else ''}\n"
                                           for d in range(1, 9)), {"max_gap": 2}, ["--leave-out", "1 of 8 rows"]),
    "empty id": ("day,shop,a\n2024-01-01,A,1\n2024-01-01,,1\n", {"id_column": ("shop",)},
                 ["row 3", "'shop' is empty"]),
    "negative": (DAYS.replace("2,6", "-2,6"), {"non_negative": True}, ["row 3", "-2", "--non-negative"]),
    "night": ("time,a\n" + "".join(f"2024-01-0{d} {h:02}:{m:02},{d * h * m}\n" for d in range(1, 6)
                                   for h in range(9, 12) for m in range(0, 60, 5)), {},
              ["gap of 252 rows", "--frequency row"]),
    "unknown zone": (rows([f"2024-01-01 0{h}:00 XYZT" for h in range(3)]), {}, ["row 2", "XYZT"]),
    "no such day": ("date,a\n30/01/2024,1\n31/01/2024,2\n32/01/2024,3\n", {}, ["row 4", "'32/01/2024'"]),
}  # fmt: skip


@pytest.mark.parametrize("text, settings, words", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_with_what_to_do(tmp_path, text, settings, words):
    with pytest.raises(UserError) as refused:
        read(tmp_path, text, **settings)
    message = str(refused.value)
    assert "\n" not in message and len(message) < 500
    for word in words:
        assert word in message
