"""Any file that holds a table -> a DataFrame. The content decides on the format; the name is asked only in doubt."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from gd_core.tables import delimited, spreadsheets, structured
from gd_core.tables.errors import MAX_BYTES, TableError, check_cells, listed, shown, unique_names

if TYPE_CHECKING:
    import pandas as pd

USE = "Use CSV, Excel (.xlsx), Parquet or JSON."
COMPRESSED = f"is compressed. Unpack it first. {USE}"
# What a file begins with, and what that says of it.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", COMPRESSED),
    (b"BZh", COMPRESSED),
    (b"\xfd7zXZ", COMPRESSED),
    (b"7z\xbc\xaf\x27\x1c", COMPRESSED),
    (b"Rar!\x1a", COMPRESSED),
    (b"\x28\xb5\x2f\xfd", COMPRESSED),
    (b"%PDF", f"is a PDF document, not a table. {USE}"),
    (b"\x89PNG", f"is a picture, not a table. {USE}"),
    (b"\xff\xd8\xff", f"is a picture, not a table. {USE}"),
    (b"GIF8", f"is a picture, not a table. {USE}"),
    (b"SQLite format 3\x00", f"is an SQLite database. Export one table of it. {USE}"),
    (b"\x89HDF", f"is an HDF5 file, which cannot be read here. {USE}"),
    (b"\x93NUMPY", f"is a NumPy array file, which cannot be read here. {USE}"),
    (b"ARROW1", f"is a Feather (Arrow) file. Save it as Parquet. {USE}"),
    (b"{\\rtf", f"is a formatted text document (RTF), not a table. {USE}"),
    (b"\x7fELF", f"is a program, not a table. {USE}"),
    (b"MZ\x90", f"is a program, not a table. {USE}"),
)
BINARY_SUFFIXES = {".parquet": "Parquet", ".pq": "Parquet", ".xlsx": "Excel", ".xlsm": "Excel"}


def read_table(source: Any, *, filename: str | None = None) -> pd.DataFrame:
    """Read a table from a path, from bytes, or from an open file, with text column names that differ.

    CSV with comma, semicolon, tab, | or spaces between columns, with decimal point or comma, in UTF-8, UTF-16 or
    Windows-1252; Excel (.xlsx: the first sheet that is not empty); Parquet; JSON (records, columns, lines, or rows).
    A file whose first line is all numbers has no header, and its columns are called "column 1", "column 2", ...
    `filename` is used in messages, and to tell formats apart where their content does not.

    Raises TableError, whose sentence says what is wrong and where, when there is no table with at least two columns and
    one row, or when it is larger than 200 MB or 20 million values.
    """
    label = display_name(filename or _own_name(source))
    data = _bytes_of(source, label)
    try:
        return _read(data, label)
    except TableError:
        raise
    except MemoryError:
        raise TableError(f"{label} is too large for the memory of this computer.") from None
    except Exception:  # a damaged file can fail anywhere in a reader, and a person gets a sentence all the same
        raise TableError(f"{label} is damaged or not what it seems to be: no table could be read from it.") from None


def display_name(name: object) -> str:
    """A file's own name without folders, control characters or excessive length, for messages."""
    last = PurePosixPath(str(name).replace("\\", "/")).name if name else ""
    return shown(last, 80)[1:-1] or "The file"


def _own_name(source: Any) -> object:
    return source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)


def _bytes_of(source: Any, label: str) -> bytes:
    """The content, of which no more than the limit is ever read."""
    try:
        if isinstance(source, bytes | bytearray | memoryview):
            data = bytes(source)
        elif isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        elif hasattr(source, "getvalue"):  # an upload may have been read before, and still has its content
            content = source.getvalue()
            data = content.encode() if isinstance(content, str) else bytes(content)
        elif hasattr(source, "read"):
            content = source.read(MAX_BYTES + 1)
            data = content.encode() if isinstance(content, str) else bytes(content)
        else:
            raise TableError(f"A table is read from a path, from bytes or from an open file, not from {source!r:.60}.")
    except FileNotFoundError:
        raise TableError(f"{label}: there is no such file.") from None
    except IsADirectoryError:
        raise TableError(f"{label} is a folder, not a file.") from None
    except PermissionError:
        raise TableError(f"{label} may not be opened: permission is denied.") from None
    except (OSError, UnicodeError, TypeError, ValueError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"{label} could not be opened.") from None
    if len(data) > MAX_BYTES:
        raise TableError(f"{label} is larger than {MAX_BYTES // 1_000_000} MB, the most that can be read.")
    if not data:
        raise TableError(f"{label} is empty.")
    return data


def _read(data: bytes, label: str) -> pd.DataFrame:
    for signature, verdict in SIGNATURES:
        if data.startswith(signature):
            raise TableError(f"{label} {verdict}")
    if data.startswith(b"PAR1"):
        return _checked(structured.read_parquet(data, label), label)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _checked(spreadsheets.read_archive(data, label), label)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise TableError(f"{label} {spreadsheets.verdict_on_ole(data)}")
    return _read_text(data, label)


def _read_text(data: bytes, label: str) -> pd.DataFrame:
    suffix = PurePosixPath(label).suffix.lower()
    promised = BINARY_SUFFIXES.get(suffix)
    try:
        text = delimited.Text.of(data, label)
        start = text.beginning.lstrip()
        if start[:9].lower().startswith(("<!doctype", "<html", "<head", "<body")) or "<html" in start[:2000].lower():
            raise TableError(
                f"{label} is a web page, not a table. Perhaps the download needed a login; look at it in a browser."
            )
        if start.startswith("<?xml"):
            raise TableError(f"{label} is an XML document, which cannot be read here. {USE}")
        if suffix in (".json", ".jsonl", ".ndjson") or (start[:1] in ("{", "[") and suffix not in (".csv", ".tsv")):
            return _checked(structured.read_json(text.decoded(), label), label)
        return _checked(delimited.read_delimited(text, label), label)
    except TableError as error:
        if promised is None:
            raise
        raise TableError(f"{label} has a name for {promised}, but not its content. Read as text: {error}") from None


def _checked(frame: pd.DataFrame, label: str) -> pd.DataFrame:
    """The table with names that differ, without columns that have neither name nor values, if it can be of use."""
    check_cells(label, *frame.shape)
    nameless = [not str(name).strip() for name in frame.columns]
    if any(nameless):
        empty = frame.isna().all(axis=0).to_numpy()
        frame = frame.loc[:, [not (a and b) for a, b in zip(nameless, empty, strict=True)]]
    frame = frame.set_axis(unique_names(list(frame.columns)), axis=1)
    if not len(frame):
        raise TableError(f"{label} has the columns {listed(frame.columns)} but no rows.")
    if frame.shape[1] == 0:
        raise TableError(f"{label} has no columns.")
    if frame.shape[1] == 1:
        raise TableError(
            f"{label} has one column only, {shown(frame.columns[0])}: a regression needs a target and at least one "
            "feature. Columns of a text file are separated by a comma, a semicolon, a tab or |."
        )
    return frame
