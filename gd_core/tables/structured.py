"""Parquet and JSON -> a DataFrame: formats that carry their own structure."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from gd_core.tables.errors import MAX_BYTES, MAX_JSON_BYTES, TableError, check_cells, shown, unique_names
from gd_core.tables.numerals import is_number

if TYPE_CHECKING:
    import pandas as pd

SHAPES = (
    'Known are a list of records [{"a": 1, "b": 2}, ...], columns {"a": [1, ...], "b": [2, ...]}, one record a line, '
    "and a list of rows [[1, 2], ...]."
)


def read_parquet(data: bytes, label: str) -> pd.DataFrame:
    """A table from a Parquet file, whose size is checked from its footer before a value is read."""
    import pyarrow as pa
    from pyarrow import parquet

    if not data.endswith(b"PAR1"):
        ending = "is encrypted" if data.endswith(b"PARE") else "is cut short or damaged: its footer is missing"
        raise TableError(f"{label} is a Parquet file, but {ending}.")
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        about = file.metadata
        check_cells(label, about.num_rows, about.num_columns)
        if sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups)) > 4 * MAX_BYTES:
            raise TableError(
                f"{label} unpacks to more than {4 * MAX_BYTES // 1_000_000} MB, the most that can be read."
            )
        nested = next((field.name for field in file.schema_arrow if pa.types.is_nested(field.type)), None)
        if nested is not None:
            raise TableError(_nested(label, nested))
        frame = file.read().to_pandas(date_as_object=False)
    except TableError:
        raise
    except Exception:  # pyarrow raises its own errors and plain OSError alike
        raise TableError(f"{label} is a Parquet file, but is damaged: its values cannot be read.") from None
    return frame.reset_index(drop=all(name is None for name in frame.index.names))


def read_json(text: str, label: str) -> pd.DataFrame:
    """A table from JSON in any of the usual shapes; raises TableError with the line where the text is wrong."""
    import pandas as pd

    if len(text) > MAX_JSON_BYTES:
        raise TableError(f"{label} is JSON of more than {MAX_JSON_BYTES // 1_000_000} MB. Save it as CSV or Parquet.")
    try:
        columns = _columns(_parse(text, label), label)
        for name, values in columns.items():
            if any(isinstance(value, dict | list) for value in values):
                raise TableError(_nested(label, name))
        frame = pd.DataFrame({j: pd.Series(values, dtype=object) for j, values in enumerate(columns.values())})
    except RecursionError:
        raise TableError(f"{label} is JSON that is nested too deeply to be a table. {SHAPES}") from None
    return frame.set_axis(list(columns), axis=1).infer_objects()


def _nested(label: str, column: object) -> str:
    return f"{label}: column {shown(column)} holds lists or objects, where a table has one value in each place."


def _parse(text: str, label: str) -> Any:
    """The JSON value of a text, or the list of the values of its lines."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as whole:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
        values = []
        for number, line in lines:
            try:
                values.append(json.loads(line))
            except json.JSONDecodeError as error:
                # Where the first line is complete the file is one of lines; else it is one value, wrong where it says.
                where = (
                    f"line {number}, column {error.colno}" if values else f"line {whole.lineno}, column {whole.colno}"
                )
                raise TableError(f"{label}, {where}: this is not valid JSON.") from None
        return values


def _columns(value: Any, label: str) -> dict[str, list[Any]]:
    """Columns by name, from whichever of the known shapes the value has."""
    if isinstance(value, dict) and set(value) >= {"columns", "data"} and isinstance(value["data"], list):
        value = [value["columns"], *value["data"]]
    elif isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), list):
        inner = next(iter(value.values()))
        value = inner if inner and isinstance(inner[0], dict | list) else value
    if isinstance(value, dict):
        return _from_columns(value, label)
    if not isinstance(value, list):
        raise TableError(f"{label} is JSON, but not a table. {SHAPES}")
    if not value:
        raise TableError(f"{label} is JSON without any rows.")
    if all(isinstance(record, dict) for record in value):
        names = list(dict.fromkeys(name for record in value for name in record))
        check_cells(label, len(value), len(names))
        return {name: [record.get(name) for record in value] for name in names}
    if all(isinstance(row, list) for row in value):
        return _from_rows(value, label)
    raise TableError(f"{label} is JSON, but its list holds something else than records. {SHAPES}")


def _from_columns(value: dict[str, Any], label: str) -> dict[str, list[Any]]:
    if value and all(isinstance(column, list) for column in value.values()):
        lengths = {name: len(column) for name, column in value.items()}
        shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        if lengths[shortest] != lengths[longest]:
            raise TableError(
                f"{label}: the columns differ in length: {shown(shortest)} has {lengths[shortest]} values and "
                f"{shown(longest)} has {lengths[longest]}."
            )
        check_cells(label, lengths[longest], len(value))
        return value
    if value and all(isinstance(column, dict) for column in value.values()):
        rows = list(dict.fromkeys(row for column in value.values() for row in column))
        check_cells(label, len(rows), len(value))
        return {name: [column.get(row) for row in rows] for name, column in value.items()}
    if value and not any(isinstance(cell, list | dict) for cell in value.values()):
        return {name: [cell] for name, cell in value.items()}  # the only line of a file of records
    raise TableError(f"{label} is JSON, but not a table. {SHAPES}")


def _from_rows(rows: list[list[Any]], label: str) -> dict[str, list[Any]]:
    width = len(rows[0])
    odd = next((i for i, row in enumerate(rows, start=1) if len(row) != width), None)
    if odd is not None:
        raise TableError(f"{label}, row {odd}: expected {width} values, found {len(rows[odd - 1])}.")
    check_cells(label, len(rows), width)
    names = [f"column {j}" for j in range(1, width + 1)]
    if not all(is_number(str(value)) for value in rows[0] if value is not None):
        names = ["" if name is None else str(name) for name in rows[0]]
        rows = rows[1:]
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]
    return dict(zip(unique_names(names), columns, strict=True))
