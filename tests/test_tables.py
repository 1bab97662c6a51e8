"""Files of every kind, good and bad: what is read from them, and the sentence that a person gets instead."""

import bz2
import gzip
import io
import json
import pickle
import sqlite3
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

from gd_core.tables import TableError, delimited, errors, read_table, usable_columns

NAN = float("nan")


def excel(frame: pd.DataFrame, **options) -> bytes:
    buffer = io.BytesIO()
    frame.to_excel(buffer, index=False, **options)
    return buffer.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
    return buffer.getvalue()


def with_part(workbook: bytes, part: str, content: bytes) -> bytes:
    """A workbook with one of its parts put in or replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != part:
                new.writestr(name, old.read(name))
        new.writestr(part, content)
    return buffer.getvalue()


def sheet(rows: str) -> bytes:
    head = (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    return (head + rows + "</sheetData></worksheet>").encode()


SMALL = pd.DataFrame({"a": [1.5, 2.0, 3.0], "b": [4, 5, 6]})
WORKBOOK = excel(SMALL)
SHEET = "xl/worksheets/sheet1.xml"

# name of the case: (content, column name -> values)
GOOD = {
    "comma": (b"a,b\n1,2\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
    "semicolon": (b"a;b\n1.5;2\n3;4", {"a": [1.5, 3], "b": [2, 4]}),
    "tab": (b"a\tb\n1\t2\n3\t4\n", {"a": [1, 3], "b": [2, 4]}),
    "bar": (b"a|b\r\n1|2\r\n3|4\r\n", {"a": [1, 3], "b": [2, 4]}),
    "spaces": (b"a   b\n 1  2.5\n10  4\n", {"a": [1, 10], "b": [2.5, 4]}),
    "old line ends": (b"a,b\r1,2\r3,4\r", {"a": [1, 3], "b": [2, 4]}),
    "blank lines": (b"\n\na,b\n\n1,2\n\n3,4\n\n", {"a": [1, 3], "b": [2, 4]}),
    "spaces after commas": (b"a, b\n1, 2\n3, 4\n", {"a": [1, 3], "b": [2, 4]}),
    "Excel's hint": (b"sep=;\na;b\n1;2\n", {"a": [1], "b": [2]}),
    "a title": (b"Measured in May\na,b,c\n1,2,3\n4,5,6\n", {"a": [1, 4], "b": [2, 5], "c": [3, 6]}),
    "quoted delimiters": (b'a,b\n"x,y",2\n"x;""z""",4\n', {"a": ["x,y", 'x;"z"'], "b": [2, 4]}),
    "a quoted line end": (b'"a\nlong",b\n1,2\n3,4\n', {"a long": [1, 3], "b": [2, 4]}),
    "no header": (b"1,2\n3,4\n", {"column 1": [1, 3], "column 2": [2, 4]}),
    "no header, a gap": (b"1,,2\n3,4,5\n", {"column 1": [1, 3], "column 2": [NAN, 4], "column 3": [2, 5]}),
    "no header, decimal comma": (b"1,5;2,5\n3,5;4,5\n", {"column 1": [1.5, 3.5], "column 2": [2.5, 4.5]}),
    "row names without a header": (b"a,b\nr,1,2\ns,3,4\n", {"unnamed 1": ["r", "s"], "a": [1, 3], "b": [2, 4]}),
    "delimiters at line ends": (b"a,b\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4]}),
    "a short row": (b"a,b,c\n1,2\n3,4,5\n", {"a": [1, 3], "b": [2, 4], "c": [NAN, 5]}),
    "repeated and empty names": (b"a,a,,a\n1,2,3,4\n", {"a": [1], "a (2)": [2], "unnamed 3": [3], "a (3)": [4]}),
    "missing values": (b"a,b\nNA,1\n?,2\n-,3\n4,#DIV/0!\n", {"a": [NAN, NAN, NAN, 4], "b": [1, 2, 3, NAN]}),
    "decimal comma": (b"a;b\n1,5;2\n-0,25;4\n", {"a": [1.5, -0.25], "b": [2, 4]}),
    "decimal comma in doubt": (b"a;b\n1,234;2\n2,500;4\n", {"a": [1.234, 2.5], "b": [2, 4]}),
    "decimal comma and points": (b"a;b\n1.234,5;2\n12.345.678,9;4\n", {"a": [1234.5, 12345678.9], "b": [2, 4]}),
    "points that the rest explains": (b"a;b\n1.234;2,5\n5.678;4,5\n", {"a": [1234, 5678], "b": [2.5, 4.5]}),
    "decimal comma in tabs": (b"a\tb\n1,5\t2\n3,25\t4\n", {"a": [1.5, 3.25], "b": [2, 4]}),
    "a leading zero groups nothing": (b"a\tb\n0,125\t2\n0,500\t4\n", {"a": [0.125, 0.5], "b": [2, 4]}),
    "decimal comma in quotes": (b'a,b\n"1,5",2\n"3,25",4\n', {"a": [1.5, 3.25], "b": [2, 4]}),
    "thousands in quotes": (b'a,b\n"1,234",2\n"2,345,678",4\n', {"a": [1234, 2345678], "b": [2, 4]}),
    "thousands and point": (b"a;b\n1,234.5;2\n2,345,678;4\n", {"a": [1234.5, 2345678], "b": [2, 4]}),
    "spaces in numbers": ("a;b\n1 234,5;2\n2\u00a0345\u00a0678;4\n".encode(), {"a": [1234.5, 2345678], "b": [2, 4]}),
    "Swiss numbers": (b"a;b\n1'234.5;2\n5;4\n", {"a": [1234.5, 5], "b": [2, 4]}),
    "a minus sign": ("a,b\n−1.5,2\n3,4\n".encode(), {"a": [-1.5, 3], "b": [2, 4]}),
    "in doubt for good": (b"a\tb\n1,234\t2\n2,345\t4\n", {"a": ["1,234", "2,345"], "b": [2, 4]}),
    "exponents": (b"a,b\n1e3,2\n-1.5E-2,4\n", {"a": [1000, -0.015], "b": [2, 4]}),
    "booleans": (b"a,b\nTrue,2\nFalse,4\n", {"a": [True, False], "b": [2, 4]}),
    "Windows-1252": ("größe,€\n1,2\n3,4\n".encode("cp1252"), {"größe": [1, 3], "€": [2, 4]}),
    "Latin-1": (b"gr\xf6\xdfe\x81,b\n1,2\n", {"größe\x81": [1], "b": [2]}),
    "UTF-8": ("größe,b\n1,2\n".encode(), {"größe": [1], "b": [2]}),
    "UTF-8 with a mark": ("größe,b\n1,2\n".encode("utf-8-sig"), {"größe": [1], "b": [2]}),
    "UTF-16": ("größe,b\n1,2\n".encode("utf-16"), {"größe": [1], "b": [2]}),
    "UTF-16, big end first": (b"\xfe\xff" + "größe,b\n1,2\n".encode("utf-16-be"), {"größe": [1], "b": [2]}),
    "UTF-16 without a mark": ("size,b\n1,2\n".encode("utf-16-le"), {"size": [1], "b": [2]}),
    "UTF-32": ("größe,b\n1,2\n".encode("utf-32"), {"größe": [1], "b": [2]}),
    "records": (b' [{"a": 1, "b": 2}, {"b": 4, "a": 3.5}]', {"a": [1, 3.5], "b": [2, 4]}),
    "records with gaps": (b'[{"a": 1, "b": null}, {"a": 3, "b": 4}]', {"a": [1, 3], "b": [NAN, 4]}),
    "lines": (b'{"a": 1, "b": 2}\n\n{"a": 3, "b": 4}\n', {"a": [1, 3], "b": [2, 4]}),
    "columns": (b'{"a": [1, 3], "b": [2, 4]}', {"a": [1, 3], "b": [2, 4]}),
    "columns by row": (b'{"a": {"0": 1, "1": 3}, "b": {"0": 2, "1": 4}}', {"a": [1, 3], "b": [2, 4]}),
    "split": (b'{"columns": ["a", "b"], "index": [0], "data": [[1, 2]]}', {"a": [1], "b": [2]}),
    "wrapped records": (b'{"rows": [{"a": 1, "b": 2}]}', {"a": [1], "b": [2]}),
    "rows": (b"[[1, 2], [3, 4]]", {"column 1": [1, 3], "column 2": [2, 4]}),
    "rows under names": (b'[["a", "b"], [3, 4]]', {"a": [3], "b": [4]}),
    "Excel": (WORKBOOK, {"a": [1.5, 2, 3], "b": [4, 5, 6]}),
    "Excel after empty rows": (excel(SMALL, startrow=3, startcol=2), {"a": [1.5, 2, 3], "b": [4, 5, 6]}),
    "Excel without names": (
        excel(pd.DataFrame([[1, 2], [3, 4]]), header=False),
        {"column 1": [1, 3], "column 2": [2, 4]},
    ),
    "Excel, far apart": (
        with_part(WORKBOOK, SHEET, sheet('<row r="9"><c r="A9"><v>7</v></c><c r="C9"><v>8</v></c></row>')),
        {"column 1": [7], "column 2": [NAN], "column 3": [8]},
    ),
    "Parquet": (parquet(SMALL), {"a": [1.5, 2, 3], "b": [4, 5, 6]}),
    "Parquet with an index": (parquet(SMALL.set_index("b")), {"b": [4, 5, 6], "a": [1.5, 2, 3]}),
}


@pytest.mark.parametrize("case", GOOD)
def test_reads(case):
    content, expected = GOOD[case]
    frame = read_table(content)
    assert list(frame.columns) == list(expected)
    for name, values in expected.items():
        if isinstance(values[0], str):
            assert frame[name].tolist() == values
        else:
            assert frame[name].dtype.kind in "biuf" or frame[name].isna().all(), f"{name} is {frame[name].dtype}"
            np.testing.assert_array_equal(frame[name].to_numpy(float), values)


def test_reads_dates():
    frame = read_table(b"day,b\n2020-01-31,1\n2020-02-01T12:00Z,2\n,3\n")
    assert frame["day"].tolist()[:2] == [pd.Timestamp("2020-01-31"), pd.Timestamp("2020-02-01 12:00")]
    assert usable_columns(frame)["day"] == "date: in days since 2020-01-31"
    assert read_table(b"day,b\n2020-13-31,1\n2020-02-01,2\n")["day"].tolist() == ["2020-13-31", "2020-02-01"]


def test_takes_paths_bytes_and_files(tmp_path):
    content, path = b"a,b\n1,2\n", tmp_path / "x.csv"
    path.write_bytes(content)
    upload = io.BytesIO(content)
    upload.read()  # a page that runs again finds the upload at its end
    with path.open("rb") as binary, path.open() as text:
        for source in (path, str(path), content, bytearray(content), memoryview(content), upload, binary, text):
            pd.testing.assert_frame_equal(read_table(source), pd.DataFrame({"a": [1], "b": [2]}))


def test_content_goes_before_the_name():
    assert read_table(b"a\tb\n1\t2\n", filename="export.xlsx")["b"].tolist() == [2]
    assert read_table(WORKBOOK, filename="data.csv")["b"].tolist() == [4, 5, 6]
    assert read_table(b"[x],b\n1,2\n", filename="data.csv")["[x]"].tolist() == [1]


CUT = parquet(SMALL)[:-30]
HTML = b"<!DOCTYPE html>\n<html><body><table><tr><td>1</td></tr></table></body></html>"
LONG_LINE = b"a," * 600_000
BOMB = with_part(WORKBOOK, SHEET, b"0" * (errors.MAX_BYTES + 1))
FAR_CELL = sheet("".join(f'<row r="{r}"><c r="XFD{r}"><v>1</v></c></row>' for r in (1, 2)))
LOCKED = bytearray(archive(xl__workbook_DOT_xml=b"<workbook/>"))
LOCKED[6] |= 1
LOCKED[LOCKED.index(b"PK\x01\x02") + 8] |= 1
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
DATABASE = sqlite3.connect(":memory:")
DATABASE.execute("create table t (a)")
SQLITE = DATABASE.serialize()
DATABASE.close()
NUMPY = io.BytesIO()
np.save(NUMPY, np.eye(3))
NESTED = parquet(pd.DataFrame({"a": [[1, 2], [3]], "b": [1, 2]}))

# name of the case: (file name, content, what the sentence says)
BAD = {
    "empty": ("x.csv", b"", "x.csv is empty."),
    "blank": ("x.csv", b" \n\n \t\r\n", "x.csv is empty: it holds nothing but blanks."),
    "only a mark": ("x.csv", b"\xef\xbb\xbf", "x.csv is empty: it holds nothing but blanks."),
    "a hint only": ("x.csv", b"sep=;\n", "x.csv has no header and no rows."),
    "one column": ("x.csv", b"price\n1\n2\n", 'x.csv has one column only, "price": a regression needs'),
    "one number": ("x.csv", b"5", 'x.csv has one column only, "column 1"'),
    "prose": ("x.txt", b"Dear all,\nthis is a letter.\nRegards\nAda", "x.txt has one column only"),
    "only a header": ("x.csv", b"a,b\n", 'x.csv has the columns "a" and "b" but no rows.'),
    "too many values": ("x.csv", b"a,b\n1,2\n3,4,5\n6,7\n", "x.csv, line 3: expected 2 columns, found 3."),
    "too many in the first row": ("x.csv", b"a,b\n1,2,3,4\n3,4,5,6\n", "x.csv, line 2: expected 2 columns, found 4."),
    "too many after a blank": ("x.csv", b"a;b\n1;2\n\n\n6;7;8\n", "x.csv, line 5: expected 2 columns, found 3."),
    "too many after a long cell": ("x.csv", b'a,b\n"1\n2",2\n6,7,8\n', "x.csv, line 4: expected 2 columns, found 3."),
    "too many without header": ("x.csv", b"1,2\n3,4\n5,6,7\n", "x.csv, line 3: expected 2 columns, found 3."),
    "too many late": (
        "x.csv",
        b"a,b\n" + b"1,2\n" * 5000 + b"1,2,3\n",
        "x.csv, line 5002: expected 2 columns, found 3.",
    ),
    "an open quotation": (
        "x.csv",
        b'a,b\n1,2\n3,"4\n5,6\n',
        "x.csv: a quotation mark that is opened in line 3 or after",
    ),
    "a long line": ("x.csv", LONG_LINE, "x.csv, line 1: the line is longer than 1,000,000 characters."),
    "too wide": ("x.csv", b",".join(b"c%d" % i for i in range(6000)) + b"\n" + b"1," * 5999 + b"1", "6,000 columns"),
    "too many cells": ("x.csv", b"a" + b",a" * 2999 + b"\n" + b"\n" * 7000, "x.csv has 7,001 rows of 3,000 columns"),
    "random bytes": ("x.csv", np.random.default_rng(0).bytes(5000), "holds binary data"),
    "zeros": ("x.csv", bytes(1000), "holds binary data"),
    "a zero far in": ("x.csv", b"a,b\n" + b"1,2\n" * 400_000 + b"\x00,1\n", "holds binary data"),
    "cut UTF-16": ("x.csv", "a,b\n1,2\n".encode("utf-16")[:-1], "x.csv begins like UTF-16-LE text but is damaged"),
    "wrong after the mark": ("x.csv", b"\xef\xbb\xbfa,b\n1,\xff\n", "x.csv begins like UTF-8 text but is damaged"),
    "a web page": ("x.csv", HTML, "x.csv is a web page, not a table."),
    "a web page after blanks": ("x.csv", b"\n\n  " + HTML[16:], "x.csv is a web page"),
    "a web page called Excel": (
        "x.xlsx",
        HTML,
        "x.xlsx has a name for Excel, but not its content. Read as text: x.xlsx is a web",
    ),
    "text called Parquet": ("x.parquet", b"hello", "x.parquet has a name for Parquet, but not its content."),
    "XML": ("x.xml", b'<?xml version="1.0"?><a><b>1</b></a>', "x.xml is an XML document"),
    "gzip": ("x.csv.gz", gzip.compress(b"a,b\n1,2\n"), "x.csv.gz is compressed. Unpack it first."),
    "bzip2": ("x.csv.bz2", bz2.compress(b"a,b\n1,2\n"), "x.csv.bz2 is compressed."),
    "a ZIP archive": ("x.zip", archive(x_DOT_csv=b"a,b\n1,2\n"), "x.zip is a ZIP archive. Unpack it"),
    "an empty ZIP archive": ("x.zip", archive(), "x.zip is a ZIP archive."),
    "PDF": ("x.pdf", b"%PDF-1.7 ...", "x.pdf is a PDF document, not a table."),
    "a picture": ("x.csv", b"\x89PNG\r\n\x1a\n....", "x.csv is a picture, not a table."),
    "SQLite": ("x.db", SQLITE, "x.db is an SQLite database."),
    "NumPy": ("x.npy", NUMPY.getvalue(), "x.npy is a NumPy array file"),
    "pickle": ("x.pkl", pickle.dumps(SMALL), "x.pkl is neither text nor a known kind of table"),
    "Feather": ("x.feather", b"ARROW1\x00\x00....", "Save it as Parquet."),
    "Word": ("x.docx", archive(word__document_DOT_xml=b"<w/>"), "x.docx is a Word document, not a table."),
    "slides": ("x.pptx", archive(ppt__presentation_DOT_xml=b"<p/>"), "x.pptx is a presentation, not a table."),
    "OpenDocument": (
        "x.ods",
        archive(mimetype=b"application", content_DOT_xml=b"<c/>"),
        "is an OpenDocument file (.ods)",
    ),
    "binary Excel": ("x.xlsb", archive(xl__workbook_DOT_bin=b"1"), "x.xlsb is a binary Excel workbook (.xlsb)."),
    "old Excel": ("x.xls", OLE, "x.xls is in the old Excel format (.xls)"),
    "Excel with a password": ("x.xlsx", OLE + "EncryptedPackage".encode("utf-16-le"), "is protected by a password."),
    "ZIP with a password": ("x.xlsx", bytes(LOCKED), "x.xlsx is protected by a password."),
    "cut Excel": ("x.xlsx", WORKBOOK[:-200], "x.xlsx begins like an Excel workbook but is cut short or damaged."),
    "Excel with a broken sheet": ("x.xlsx", with_part(WORKBOOK, SHEET, b"<worksheet><row"), "x.xlsx is damaged or not"),
    "Excel without its parts": ("x.xlsx", archive(xl__workbook_DOT_xml=b"<workbook/>"), "x.xlsx is damaged or not"),
    "Excel without values": ("x.xlsx", excel(pd.DataFrame()), "x.xlsx has no sheet with values."),
    "Excel, one column": ("x.xlsx", excel(SMALL[["a"]]), 'x.xlsx has one column only, "a"'),
    "Excel, names only": ("x.xlsx", excel(SMALL.iloc[:0]), 'x.xlsx has the columns "a" and "b" but no rows.'),
    "Excel that unpacks too far": ("x.xlsx", BOMB, "x.xlsx unpacks to more than 200 MB"),
    "Excel, a far cell": ("x.xlsx", with_part(WORKBOOK, SHEET, FAR_CELL), "x.xlsx has 16,384 columns; at most 5,000"),
    "Excel with entities": (
        "x.xlsx",
        with_part(WORKBOOK, SHEET, b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><worksheet>&b;</worksheet>'),
        "x.xlsx holds an XML document type, which no spreadsheet has: it is refused.",
    ),
    "cut Parquet": (
        "x.parquet",
        CUT,
        "x.parquet is a Parquet file, but is cut short or damaged: its footer is missing.",
    ),
    "broken Parquet": ("x.parquet", b"PAR1" + bytes(100) + b"PAR1", "x.parquet is a Parquet file, but is damaged"),
    "nested Parquet": ("x.parquet", NESTED, 'x.parquet: column "a" holds lists or objects'),
    "Parquet, one column": ("x.parquet", parquet(SMALL[["a"]]), "x.parquet has one column only"),
    "cut JSON": ("x.json", b'[{"a": 1, "b": 2},\n {"a": 3', "x.json, line 2, column 9: this is not valid JSON."),
    "cut JSON lines": ("x.jsonl", b'{"a": 1, "b": 2}\n{"a": 3', "x.jsonl, line 2, column 8: this is not valid JSON."),
    "no JSON": ("x.json", b"hello", "x.json, line 1, column 1: this is not valid JSON."),
    "JSON, a number": ("x.json", b"5", "x.json is JSON, but not a table."),
    "JSON, an object": ("x.json", b'{"a": 1, "b": [2]}', "x.json is JSON, but not a table."),
    "JSON, empty": ("x.json", b"[]", "x.json is JSON without any rows."),
    "JSON, an empty object": ("x.json", b"{}", "x.json is JSON, but not a table."),
    "JSON, numbers": ("x.json", b"[1, 2, 3]", "x.json is JSON, but its list holds something else than records."),
    "JSON, uneven columns": ("x.json", b'{"a": [1, 2], "b": [1]}', '"b" has 1 values and "a" has 2.'),
    "JSON, uneven rows": ("x.json", b"[[1, 2], [3]]", "x.json, row 2: expected 2 values, found 1."),
    "JSON, nested": ("x.json", b'[{"a": {"c": 1}, "b": 2}]', 'x.json: column "a" holds lists or objects'),
    "JSON, deep": ("x.json", b"[" * 200_000, "x.json is JSON that is nested too deeply to be a table."),
    "JSON, names only": ("x.json", b'[["a", "b"]]', 'x.json has the columns "a" and "b" but no rows.'),
}
TELLTALE = ("Traceback", "Error", "0x", "pandas", "openpyxl", "pyarrow", "Exception", "tokeniz", "codec")


@pytest.mark.parametrize("case", BAD)
def test_says_what_is_wrong(case):
    filename, content, expected = BAD[case]
    with pytest.raises(TableError) as caught:
        read_table(content, filename=filename)
    sentence = str(caught.value)
    assert expected in sentence
    assert filename in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 400
    assert not [word for word in TELLTALE if word in sentence]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("missing/x.csv", "x.csv: there is no such file."),
        (".", "folder"),
        ("x\x00.csv", "could not be opened."),
        (5, "A table is read from a path, from bytes or from an open file, not from 5."),
        (None, "not from None."),
        (io.StringIO(""), "The file is empty."),
    ],
)
def test_says_what_cannot_be_opened(source, expected):
    with pytest.raises(TableError) as caught:
        read_table(source)
    assert expected in str(caught.value)


def test_reads_no_more_than_the_limit(monkeypatch, tmp_path):
    monkeypatch.setattr("gd_core.tables.reading.MAX_BYTES", 1_000_000)
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 250_000)
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        with pytest.raises(TableError, match="larger than 1 MB, the most that can be read"):
            read_table(source)
    monkeypatch.setattr("gd_core.tables.structured.MAX_JSON_BYTES", 1_000_000)
    monkeypatch.setattr("gd_core.tables.reading.MAX_BYTES", 2_000_000)
    with pytest.raises(TableError, match="JSON of more than 1 MB"):
        read_table(json.dumps([{"a": 1, "b": 2}] * 60_000).encode())


def test_a_hostile_file_name_is_shortened_and_loses_its_folders():
    for filename in ("../../etc/x.csv", "C:\\Users\\me\\x.csv"):
        with pytest.raises(TableError, match=r"^x\.csv is empty\."):
            read_table(b"", filename=filename)
    with pytest.raises(TableError) as caught:
        read_table(b"", filename="a\n\x1b[31m" + "b" * 500)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 120


finite = st.floats(allow_nan=False, allow_infinity=False)
frames = data_frames(
    [
        column("a", elements=finite),
        column("längd (m)", elements=finite),
        column("n", elements=st.integers(-(2**53), 2**53)),
    ],
    index=range_indexes(min_size=1, max_size=12),
)


def assert_same_numbers(frame: pd.DataFrame, original: pd.DataFrame) -> None:
    assert list(frame.columns) == list(original.columns)
    np.testing.assert_array_equal(frame.to_numpy(float), original.to_numpy(float))


@settings(deadline=None, max_examples=200)
@given(
    frame=frames,
    delimiter=st.sampled_from(delimited.DELIMITERS),
    decimal=st.sampled_from(".,"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_csv_round_trip(frame, delimiter, decimal, encoding, line_end):
    text = frame.to_csv(index=False, sep=delimiter, decimal=decimal, lineterminator=line_end)
    # A file in which nothing but 1,234 speaks for the comma is in doubt: see "in doubt for good" above.
    in_doubt = decimal == "," and delimiter != ";"
    assume(
        not in_doubt or any(len(f"{x!r}".partition(".")[2]) != 3 for x in frame[["a", "längd (m)"]].to_numpy().ravel())
    )
    assert_same_numbers(read_table(text.encode(encoding)), frame)


@settings(deadline=None, max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(frame=frames)
def test_round_trip_through_other_formats(frame):
    assert_same_numbers(read_table(parquet(frame)), frame)
    # A workbook stores 16 digits, with which the largest floats of all would round up to infinity.
    moderate = frame.clip(-1e300, 1e300)
    np.testing.assert_allclose(
        read_table(excel(moderate)).to_numpy(float), moderate.to_numpy(float), rtol=1e-15, atol=1e-320
    )
    assert_same_numbers(read_table(json.dumps(frame.to_dict("list")).encode()), frame)
    assert_same_numbers(read_table("\n".join(map(json.dumps, frame.to_dict("records"))).encode()), frame)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.text(alphabet='ab01,;\t|"\n.-{}[]:', max_size=120).map(str.encode))
def test_any_bytes_give_a_table_or_a_sentence(content):
    try:
        frame = read_table(content, filename="x.csv")
    except TableError:
        return
    assert len(frame) >= 1
    assert frame.shape[1] >= 2
    assert len(set(frame.columns)) == frame.shape[1]
    assert all(name.strip() for name in frame.columns)
    usable_columns(frame)
