"""Excel workbooks -> a DataFrame, and a telling word on the other archives that people upload."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gd_core.tables.errors import MAX_BYTES, TableError, check_cells
from gd_core.tables.numerals import is_missing, is_number

if TYPE_CHECKING:
    import pandas as pd

ENCRYPTED = 0x1  # the bit of a ZIP entry's flags that says so
PROLOGUE = 4096  # bytes of an XML part, in which a document type would have to stand
UTF16_MARK_OF_ENCRYPTION = "EncryptedPackage".encode("utf-16-le")


def verdict_on_ole(data: bytes) -> str:
    """What a file in Microsoft's older container is: an encrypted workbook, or one in the format of before 2007."""
    if UTF16_MARK_OF_ENCRYPTION in data:
        return "is protected by a password. Remove the password in Excel (File, Info) and try again."
    return "is in the old Excel format (.xls) or another old Office format. Save it as .xlsx or CSV."


def read_archive(data: bytes, label: str) -> pd.DataFrame:
    """The first sheet with content of an Excel workbook; a TableError for every other ZIP archive."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise TableError(f"{label} begins like an Excel workbook but is cut short or damaged.") from None
    with archive:
        _check_archive(archive, label)
    return _read_workbook(data, label)


def _check_archive(archive: zipfile.ZipFile, label: str) -> None:
    names = set(archive.namelist())
    if any(entry.flag_bits & ENCRYPTED for entry in archive.infolist()):
        raise TableError(f"{label} is protected by a password. Remove the password and try again.")
    # A reader never unpacks more of an entry than the directory declares, so that the declared sizes can be relied on.
    if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
        raise TableError(f"{label} unpacks to more than {MAX_BYTES // 1_000_000} MB, the most that can be read.")
    if "xl/workbook.xml" in names:
        for name in names:
            if name.endswith((".xml", ".rels")):
                with archive.open(name) as part:
                    if b"<!DOCTYPE" in part.read(PROLOGUE):
                        raise TableError(
                            f"{label} holds an XML document type, which no spreadsheet has: it is refused."
                        )
        return
    if "xl/workbook.bin" in names:
        raise TableError(f"{label} is a binary Excel workbook (.xlsb). Save it as .xlsx or CSV.")
    if "content.xml" in names and "mimetype" in names:
        raise TableError(f"{label} is an OpenDocument file (.ods). Save it as .xlsx or CSV.")
    if "word/document.xml" in names:
        raise TableError(
            f"{label} is a Word document, not a table. Copy the table to a spreadsheet and save it as CSV."
        )
    if "ppt/presentation.xml" in names:
        raise TableError(f"{label} is a presentation, not a table.")
    raise TableError(f"{label} is a ZIP archive. Unpack it and choose the table inside.")


def _read_workbook(data: bytes, label: str) -> pd.DataFrame:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl tells of styles and validations that it leaves out
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            for sheet in workbook.worksheets:
                sheet.reset_dimensions()  # the declared size is often wrong, and sometimes huge
                if rows := _filled_rows(sheet.iter_rows(values_only=True), label):
                    return _with_header(rows)
        finally:
            workbook.close()
    raise TableError(f"{label} has no sheet with values.")


def _filled_rows(rows: Iterable[Sequence[Any]], label: str) -> list[list[Any]]:
    """The rows that are not empty, all as long as the longest; never more of them than the limit allows."""
    filled: list[list[Any]] = []
    width = 0
    for row in rows:
        cells = [None if isinstance(value, str) and is_missing(value) else value for value in row]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            filled.append(cells)
            width = max(width, len(cells))
            check_cells(label, len(filled), width)
    return [cells + [None] * (width - len(cells)) for cells in filled]


def _with_header(rows: list[list[Any]]) -> pd.DataFrame:
    """The rows with the first of them as names, unless it is all numbers; columns without name and values left out."""
    import pandas as pd

    filled = [str(value) for value in rows[0] if value is not None]
    if all(map(is_number, filled)):
        names = [f"column {j}" for j in range(1, len(rows[0]) + 1)]
    else:
        names = ["" if value is None else str(value) for value in rows[0]]
        rows = rows[1:]
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    frame = pd.DataFrame({j: pd.Series(list(values), dtype=object) for j, values in enumerate(columns)})
    return frame.set_axis(names, axis=1).infer_objects()
