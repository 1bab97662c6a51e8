"""From an uploaded file to a table, and from a table to a `Dataset`, with errors that a person understands.

    frame = read_table("houses.csv")              # CSV, Excel, Parquet or JSON, told apart by their content
    usable_columns(frame)                         # {"price": "numeric", "town": "categorical", ...}
    dataset = to_dataset(frame, target="price")

`reading` tells the formats apart, `delimited`, `spreadsheets` and `structured` read them, `numerals` reads numbers and
dates that are written as text, `columns` says what a column can be used for, and `conversion` makes the data set.
"""

from gd_core.tables.columns import usable_columns
from gd_core.tables.conversion import to_dataset
from gd_core.tables.errors import TableError
from gd_core.tables.reading import read_table

__all__ = ["TableError", "read_table", "to_dataset", "usable_columns"]
