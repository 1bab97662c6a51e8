"""Text with one row a line -> a DataFrame: encoding, delimiter, header and decimal mark are found out, pandas reads."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gd_core.tables.errors import MAX_COLUMNS, TableError, check_cells, shown
from gd_core.tables.numerals import MISSING, Style, is_missing, is_number, parse_dates, parse_numbers, style_of_file

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ("\t", ";", "|", ",")  # in ties the earlier wins: a comma is the likeliest to stand inside a value
SPACES = r"\s+"
SAMPLE_CHARACTERS = 1_000_000
SAMPLE_RECORDS = 500
DECODE_BYTES = 1_000_000
LARGEST_SHARE_OF_CONTROLS = 0.002  # text has none but tabs and line ends; other files have many
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

Records = list[list[str]]


@dataclass(frozen=True)
class Text:
    """Bytes that have been found to be text: where it begins after a byte order mark, its encoding, its beginning."""

    data: bytes
    encoding: str
    beginning: str
    whole: bool  # whether the beginning is all there is

    @classmethod
    def of(cls, data: bytes, label: str) -> Text:
        """Find the encoding: by a mark, else UTF-16 by its zeros, else UTF-8, else Windows-1252, else Latin-1."""
        candidates: tuple[str, ...]
        for mark, encoding in BYTE_ORDER_MARKS:
            if data.startswith(mark):
                candidates, data = (encoding,), data[len(mark) :]
                break
        else:
            candidates = (_utf16_without_mark(data), "utf-8", "cp1252", "latin-1")
        encoding = next((name for name in candidates if name and _decodes(data, name)), "")
        if not encoding:
            raise TableError(f"{label} begins like {candidates[0].upper()} text but is damaged: it cannot be decoded.")
        sample = data[: 4 * SAMPLE_CHARACTERS]
        decoded = codecs.getincrementaldecoder(encoding)().decode(sample)
        whole = len(sample) == len(data) and len(decoded) <= SAMPLE_CHARACTERS
        text = cls(data, encoding, decoded[:SAMPLE_CHARACTERS], whole)
        controls = sum(ord(c) < 32 and c not in "\t\n\r\f\v\x1a" for c in text.beginning)
        zeros = not encoding.startswith("utf-16") and not encoding.startswith("utf-32") and b"\x00" in data
        if zeros or "\x00" in text.beginning or controls > LARGEST_SHARE_OF_CONTROLS * len(text.beginning):
            raise TableError(f"{label} is neither text nor a known kind of table: it holds binary data.")
        if not text.beginning.strip(" \t\r\n\f\v\x1a\ufeff"):
            raise TableError(f"{label} is empty: it holds nothing but blanks.")
        return text

    def decoded(self) -> str:
        """The whole text."""
        return self.data.decode(self.encoding)

    def stream(self) -> io.TextIOWrapper:
        """The text as a stream that keeps line ends as they are."""
        return io.TextIOWrapper(io.BytesIO(self.data), encoding=self.encoding, newline="")


def _utf16_without_mark(data: bytes) -> str:
    """Western text in UTF-16 has a zero in every other byte."""
    sample = data[:10_000]
    half = max(len(sample) // 2, 1)
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if len(data) % 2 or min(even, odd) > 0.02 or max(even, odd) < 0.6:
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _decodes(data: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), DECODE_BYTES):
            decoder.decode(data[start : start + DECODE_BYTES], final=start + DECODE_BYTES >= len(data))
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the lines of a file divide into values: what pandas is told."""

    delimiter: str
    n_columns: int
    names: list[str]
    skipped_records: int  # what stands before the first row of values, as pandas counts: a quoted line end ends nothing
    header_line: int  # the line on which that ends, as a person counts
    style: Style | None


def read_delimited(text: Text, label: str) -> pd.DataFrame:
    """A table from delimited text; raises TableError naming the line that does not fit."""
    import pandas as pd

    layout = _layout(text, label)
    lines = text.data.count(b"\n") or text.data.count(b"\r")
    check_cells(label, lines, layout.n_columns)
    options: dict[str, Any] = {
        "sep": layout.delimiter,
        "header": None,
        "names": range(layout.n_columns),
        "index_col": False,
        "skiprows": layout.skipped_records,
        "decimal": "," if layout.style == "comma" else ".",
        "encoding": text.encoding,
        "na_values": sorted(MISSING | {word.upper() for word in MISSING}),
        "skipinitialspace": True,
        "low_memory": False,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(io.BytesIO(text.data), **options)
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame(columns=range(layout.n_columns))
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise TableError(_what_is_wrong(text, layout, label, str(error))) from None
    return _with_numbers_and_dates(frame.set_axis(layout.names, axis=1), layout.style)


def _layout(text: Text, label: str) -> Layout:
    beginning, declared, skipped = text.beginning, None, 0
    if match := re.match(r"\ufeff?sep=([,;|\t])\r?\n", beginning):  # a hint that Excel writes and reads
        beginning, declared, skipped = beginning[match.end() :], match[1], 1
    if not text.whole and not re.search(r"[\r\n]", beginning):
        raise TableError(f"{label}, line 1: the line is longer than {SAMPLE_CHARACTERS:,} characters.")
    if not beginning.strip():
        raise TableError(f"{label} has no header and no rows.")
    delimiter = declared or _delimiter(beginning, whole=text.whole)
    records, places = _records(beginning, delimiter, whole=text.whole)
    common = Counter(map(len, records[1:])).most_common(1)[0][0] if records[1:] else len(records[0])
    while len(records) > 1 and len(records[0]) == 1 < common - 1:  # a title above the table
        records, places = records[1:], places[1:]
    first, body = records[0], records[1:]
    if common > MAX_COLUMNS:
        check_cells(label, 1, common)
    style = style_of_file(itertools.chain.from_iterable(records), delimiter)
    values = [cell for cell in first if not is_missing(cell)]
    headerless = bool(values) and all(map(is_number, values))
    if headerless:
        names = [f"column {j}" for j in range(1, len(first) + 1)]
        before = skipped + places[0].ordinal - 1
        return Layout(
            delimiter=delimiter,
            n_columns=len(first),
            names=names,
            skipped_records=before,
            header_line=skipped + places[0].line - 1,
            style=style,
        )
    names = [name.strip() for name in first]
    if len(names) == common - 1 and common > 2:
        trailing = all(not record[-1].strip() for record in body if len(record) == common)
        names = [*names, ""] if trailing else ["", *names]
    if body and len(body[0]) > len(names):  # pandas would take the first row of values for the right width
        raise TableError(_wrong_width(label, skipped + places[1].line, len(names), len(body[0])))
    return Layout(
        delimiter=delimiter,
        n_columns=len(names),
        names=names,
        skipped_records=skipped + places[0].ordinal,
        header_line=skipped + places[0].line,
        style=style,
    )


def _delimiter(beginning: str, *, whole: bool) -> str:
    """The delimiter with the most even number of columns, and with numbers rather than parts of them."""
    scores = {delimiter: _evenness(_records(beginning, delimiter, whole=whole)[0]) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda delimiter: scores[delimiter])
    if scores[best] > 0:
        return best
    rows = _records(beginning, SPACES, whole=whole)[0]
    cells = [cell for row in rows[1:] or rows for cell in row]
    numbers = sum(map(is_number, cells))
    return SPACES if _evenness(rows) > 0.9 * (0.5 + 0.5 * numbers / len(cells)) > 0.65 else ","


def _evenness(records: Records) -> float:
    """From 0 to 1: the share of records with the commonest width, times a half to one for the share of numbers."""
    body = records[1:] or records
    width, count = Counter(map(len, body)).most_common(1)[0]
    if width < 2:
        return 0.0
    cells = [cell for record in body for cell in record]
    numbers = sum(is_number(cell) or is_missing(cell) for cell in cells) / len(cells)
    header = 1.0 if len(records[0]) in (width, width - 1) else 0.5
    return header * count / len(body) * (0.5 + 0.5 * numbers)


@dataclass(frozen=True)
class Place:
    """Where a record ends: the line, and its own number among all records, both counted from 1."""

    line: int
    ordinal: int


def _records(beginning: str, delimiter: str, *, whole: bool) -> tuple[Records, list[Place]]:
    """The first records that are not blank, and where each of them ends, quotation marks respected."""
    records: Records = []
    places: list[Place] = []
    for ordinal, (record, line) in enumerate(_split(io.StringIO(beginning, newline=""), delimiter), start=1):
        if any(cell.strip() for cell in record):
            records.append(record)
            places.append(Place(line, ordinal))
        if len(records) > SAMPLE_RECORDS:
            break
    if not whole and len(records) > 1 and len(records) <= SAMPLE_RECORDS:
        return records[:-1], places[:-1]  # the last one may have been cut
    return records or [[""]], places or [Place(1, 1)]


def _split(stream: io.TextIOBase, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Records and the lines where they end; an over-long field, the mark of an open quotation, ends the records."""
    if delimiter == SPACES:
        yield from ((line.split(), number) for number, line in enumerate(stream.read().splitlines(), start=1))
        return
    reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
    try:
        for record in reader:
            yield record, reader.line_num
    except csv.Error:
        return


def _what_is_wrong(text: Text, layout: Layout, label: str, message: str) -> str:
    """The sentence for a file that pandas could not divide, with the line found again by its own count."""
    if "EOF inside string" in message:
        start = following = 1
        for record, line in _split(text.stream(), layout.delimiter):
            if not any("\n" in cell or "\r" in cell for cell in record):
                following = line + 1
            start = following
        return f"{label}: a quotation mark that is opened in line {start} or after it is never closed."
    for record, line in _split(text.stream(), layout.delimiter):
        if line > layout.header_line and len(record) > layout.n_columns:
            return _wrong_width(label, line, layout.n_columns, len(record))
    return f"{label}: its lines do not divide into {layout.n_columns} columns at {shown(layout.delimiter)}."


def _wrong_width(label: str, line: int, expected: int, found: int) -> str:
    return f"{label}, line {line}: expected {expected} column{'s' * (expected != 1)}, found {found}."


def _with_numbers_and_dates(frame: pd.DataFrame, style: Style | None) -> pd.DataFrame:
    """The table with those of its text columns converted that hold numbers with separators, or ISO 8601 dates."""
    import pandas as pd

    for j in range(frame.shape[1]):
        column = frame.iloc[:, j]
        if not pd.api.types.is_string_dtype(column) or column.isna().all():
            continue
        present = column.dropna()
        numbers = parse_numbers(present, style=style)
        converted = pd.Series(numbers, index=present.index) if numbers is not None else parse_dates(present)
        if converted is not None:
            frame.isetitem(j, converted.reindex(column.index).array)
    return frame
