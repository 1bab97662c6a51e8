"""From a table to a data set: every kind of column, missing values, categories, and the refusals."""

import datetime
import decimal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from gd_core.datasets import Dataset
from gd_core.tables import TableError, to_dataset, usable_columns

NAN = float("nan")
Y = [1.0, 2.0, 4.0]


def made(values, **options) -> Dataset:
    return to_dataset(pd.DataFrame({"x": values, "y": Y}), target="y", features=["x"], **options)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 5], [1, 2, 5]),
        ([True, False, True], [1, 0, 1]),
        (pd.array([1, 2, 5], dtype="Int64"), [1, 2, 5]),
        (pd.array([True, False, True], dtype="boolean"), [1, 0, 1]),
        (pd.Series([1, 2.5, 3], dtype=object), [1, 2.5, 3]),
        ([decimal.Decimal("1.5"), decimal.Decimal(2), decimal.Decimal(3)], [1.5, 2, 3]),
        (["1 234,5", "2", "-3,25"], [1234.5, 2, -3.25]),
        (["1,234.5", "2", "3"], [1234.5, 2, 3]),
        (["12%", "3.5 %", "-1%"], [12, 3.5, -1]),
        (["$3", "$1,234.50", "-$2"], [3, 1234.5, -2]),
        (["3 €", "1.234,50 €", "2 €"], [3, 1234.5, 2]),
        (pd.Series([1, "2,5", "3"], dtype=object), [1, 2.5, 3]),
        (pd.to_datetime(["2020-01-03", "2020-01-01", "2020-01-01 12:00"], format="mixed"), [2, 0, 0.5]),
        (pd.to_datetime(["2020-01-03", "2020-01-01", "2020-01-02"]).tz_localize("Europe/Berlin"), [2, 0, 1]),
        ([datetime.date(2020, 3, 1), datetime.date(2020, 2, 28), datetime.date(2020, 2, 29)], [2, 0, 1]),
        (["2020-03-01", "2020-02-28", "2020-02-29"], [2, 0, 1]),
        (pd.to_timedelta(["1 day", "12 hours", "2 days"]), [1, 0.5, 2]),
        ([7, 7, 7], [7, 7, 7]),
    ],
)
def test_reads_every_kind_of_number(values, expected):
    data = made(values)
    np.testing.assert_array_equal(data.X, np.array(expected, dtype=float)[:, np.newaxis])
    assert (data.feature_names, data.target_name) == (("x",), "y")


@pytest.mark.parametrize(
    ("missing", "expected_x", "expected_town"),
    [
        ("drop", [1, 9], [1, 0]),
        ("mean", [1, 4, 2, 9], [1, 0, 0, 0]),
        ("median", [1, 2, 2, 9], [1, 0, 0, 0]),
        ("most_frequent", [1, 1, 2, 9], [1, 0, 0, 0]),
    ],
)
def test_missing_values(missing, expected_x, expected_town):
    frame = pd.DataFrame(
        {
            "x": [1, NAN, 2, 9, 50],
            "town": ["Bonn", "Aachen", None, "Aachen", "Bonn"],
            "y": [1, 2, 3, 4, NAN],  # the row without target must not count for any filling in
        }
    )
    data = to_dataset(frame, target="y", missing=missing)
    assert data.feature_names == ("x", "town=Bonn")
    np.testing.assert_array_equal(data.X, np.column_stack([expected_x, expected_town]))


def test_categories():
    size = pd.Categorical(["small", "large", "medium", "small"], categories=["small", "medium", "large"])
    frame = pd.DataFrame({"size": size, "town": ["b", "a", "b", "c"], "x": [1, 2, 3, 5], "y": [1, 2, 3, 4]})
    one_hot = to_dataset(frame, target="y")
    assert one_hot.feature_names == ("size=medium", "size=large", "town=b", "town=c", "x")
    np.testing.assert_array_equal(one_hot.X[:, :4], [[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]])
    assert np.linalg.matrix_rank(np.column_stack([np.ones(4), one_hot.X[:, 2:4]])) == 3
    ordinal = to_dataset(frame, target="y", categories="ordinal")
    assert ordinal.feature_names == ("size", "town", "x")
    np.testing.assert_array_equal(ordinal.X[:, :2], [[0, 1], [2, 0], [1, 1], [0, 2]])
    assert to_dataset(frame, target="y", categories="drop").feature_names == ("x",)


def test_names_stay_different():
    frame = pd.DataFrame({"a": ["u", "v", "u"], "a=v": [1, 2, 3], "y": Y})
    assert to_dataset(frame, target="y").feature_names == ("a=v", "a=v (2)")


def test_columns_that_are_no_features_are_left_out_and_say_why():
    n = 60
    frame = pd.DataFrame(
        {
            "id": range(1, n + 1),
            "unnamed 1": range(n),
            "year": range(n),
            "comment": [f"text {i}" for i in range(n)],
            "nearly": ["abc" if i == 16 else str(i / 2) for i in range(n)],
            "empty": [None] * n,
            "doubt": ["1,234", "2,345", "3,456"] * 20,
            "list": [[1]] * n,
            "day": pd.date_range("2021-05-01", periods=n),
            "town": ["a", "b", "c"] * 20,
            "y": np.arange(n) ** 2,
        }
    )
    assert usable_columns(frame) == {
        "id": "row number: left out, only counts the rows",
        "unnamed 1": "row number: left out, only counts the rows",
        "year": "numeric",
        "comment": "text: left out, 60 different values (at most 50 can be used)",
        "nearly": 'text: left out, "abc" in row 17 is not a number',
        "empty": "empty: left out",
        "doubt": 'ambiguous: left out, "1,234" may have a decimal mark or grouped digits',
        "list": "text: left out, holds something else than text and numbers",
        "day": "date: in days since 2021-05-01",
        "town": "categorical",
        "y": "numeric",
    }
    assert to_dataset(frame, target="y").feature_names == ("year", "day", "town=b", "town=c")
    assert to_dataset(frame, target="y", features=["id"]).X[:3, 0].tolist() == [1, 2, 3]
    assert usable_columns(pd.DataFrame({"name": list("abcd")})) == {"name": "text: left out, every value is different"}


def test_keeps_the_order_of_the_features_and_takes_one_name():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [3, 5, 4], "y": Y})
    assert to_dataset(frame, target="y", features=["b", "a"], name="n").feature_names == ("b", "a")
    assert to_dataset(frame, target="y", features="b").X.ravel().tolist() == [3, 5, 4]
    numbered = pd.DataFrame(np.arange(6.0).reshape(3, 2) ** 2)
    assert to_dataset(numbered, target=1).feature_names == ("0",)


def test_does_not_change_the_table():
    frame = pd.DataFrame({"a": ["1,5", None, "2"], "c": ["u", None, "v"], "y": Y})
    before = frame.copy(deep=True)
    to_dataset(frame, target="y", missing="most_frequent")
    pd.testing.assert_frame_equal(frame, before)


TABLE = pd.DataFrame(
    {
        "price": [1.0, 2.0, 4.0, 8.0],
        "size": [1.0, 2.0, 3.0, NAN],
        "town": ["a", "b", "a", "b"],
        "constant": [5, 5, 5, 5],
        "holes": [NAN, NAN, NAN, 1.0],
        "infinite": [1.0, 2.0, np.inf, 3.0],
        "nothing": [NAN] * 4,
        "doubt": ["1,234", "2,345", "1,234", "2,345"],
        "odd": ["1", "2", "3", "x"],
    }
)
MANY = pd.DataFrame(
    {"y": range(100), "t": [f"n{i % 60}" for i in range(100)], "m": ["?!"] + [str(i) for i in range(99)]}
)

REFUSED = [
    (TABLE, {"target": "prize"}, 'The target "prize" is not a column of the table. Did you mean "price" or "size"?'),
    (TABLE, {"target": "PRICE"}, 'Did you mean "price"?'),
    (TABLE, {"target": "zzz"}, 'Its columns are "price", "size", "town", "constant", "holes", "infinite" and 3 more.'),
    (TABLE, {"target": "town"}, 'The target "town" is not numeric: it has values such as "a".'),
    (MANY, {"target": "m"}, 'The target "m" is not numeric: "?!" in row 1 is not a number.'),
    (TABLE, {"target": "doubt"}, 'The target "doubt" cannot be read as numbers: "1,234" may have'),
    (TABLE, {"target": "constant", "features": ["price"]}, 'The target "constant" is constant: it is 5 in all 4 rows'),
    (TABLE, {"target": "holes", "features": ["price"]}, 'The target "holes" is constant: it is 1 in the one row'),
    (TABLE, {"target": "nothing"}, 'The target "nothing" has no values.'),
    (TABLE, {"target": "infinite"}, 'Column "infinite" is infinite in row 3'),
    (TABLE, {"target": "price", "features": ["infinite"]}, 'Column "infinite" is infinite in row 3'),
    (
        TABLE,
        {"target": "price", "features": ["sise"]},
        'The feature "sise" is not a column of the table. Did you mean "size"?',
    ),
    (TABLE, {"target": "price", "features": ["price"]}, '"price" is the target and cannot be a feature too.'),
    (TABLE, {"target": "price", "features": ["size", "size"]}, 'The feature "size" is named more than once.'),
    (TABLE, {"target": "price", "features": []}, "No feature is chosen"),
    (TABLE, {"target": "price", "features": ["nothing"]}, 'The feature "nothing" has no values.'),
    (TABLE, {"target": "price", "features": ["doubt"]}, 'The feature "doubt" cannot be read as numbers'),
    (
        TABLE,
        {"target": "price", "features": ["town"], "categories": "drop"},
        'No feature is left: "town" would be categories',
    ),
    (
        TABLE,
        {"target": "price", "features": ["size", "holes"]},
        'No row is left: of 4 rows with a target, each lacks a feature ("holes" in 3, "size" in 1).',
    ),
    (
        TABLE.iloc[:3].assign(size=[NAN, NAN, 1.0], price=[1, 2, NAN]),
        {"target": "price", "features": ["size"], "missing": "mean"},
        'The feature "size" has no values in the rows that have a target.',
    ),
    (
        pd.DataFrame({"t": ["a", "a", "a"], "y": Y}),
        {"target": "y"},
        'No feature is left: "t" has one category only in the rows that can be used.',
    ),
    (
        MANY,
        {"target": "y", "features": ["t"]},
        'The feature "t" cannot be used: it has 60 categories, and at most 50 can be used.',
    ),
    (MANY, {"target": "y", "features": ["m"]}, 'The feature "m" cannot be used: "?!" in row 1 is not a number.'),
    (MANY, {"target": "y"}, 'No column can be a feature: "t" (left out, 60 different values'),
    (TABLE[["price"]], {"target": "price"}, "No column can be a feature beside the target."),
    (TABLE.iloc[:0], {"target": "price"}, "The table is empty."),
    (pd.DataFrame(), {"target": "price"}, "The table is empty."),
    (
        TABLE,
        {"target": "price", "missing": "zero"},
        'missing must be one of "drop", "mean", "median" and "most_frequent", got "zero".',
    ),
    (
        TABLE,
        {"target": "price", "categories": "hash"},
        'categories must be one of "one-hot", "ordinal" and "drop", got "hash".',
    ),
    (
        pd.DataFrame([[1, 2], [2, 3]], columns=["a", "a"]),
        {"target": "a"},
        'The table has more than one column called "a".',
    ),
]


@pytest.mark.parametrize(("frame", "options", "expected"), REFUSED, ids=[case[2][:40] for case in REFUSED])
def test_says_what_is_wrong(frame, options, expected):
    with pytest.raises(TableError) as caught:
        to_dataset(frame, **options)
    assert expected in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_heavy_libraries_are_imported_only_to_read():
    code = "import sys, gd_core.tables; assert not {'sklearn', 'pandas', 'pyarrow', 'openpyxl'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
