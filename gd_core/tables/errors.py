"""The one error of this package, the limits it enforces, and the words that its sentences share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MAX_BYTES = 200_000_000  # a file, and what a compressed file unpacks to
MAX_JSON_BYTES = 50_000_000  # JSON takes about ten times its size while it is read
MAX_CELLS = 20_000_000  # 160 MB as float64, in a process that may have 1 GB for everybody
MAX_COLUMNS = 5_000


class TableError(ValueError):
    """A file that is no table, or a table that makes no data set; its text is one that a page shows as it is."""


def check_cells(label: str, n_rows: int, n_columns: int) -> None:
    """Raise TableError when a table would be larger than this process should hold."""
    if n_columns > MAX_COLUMNS:
        raise TableError(f"{label} has {n_columns:,} columns; at most {MAX_COLUMNS:,} can be used.")
    if n_rows * n_columns > MAX_CELLS:
        raise TableError(
            f"{label} has {n_rows:,} rows of {n_columns:,} columns, which is {n_rows * n_columns:,} values; "
            f"at most {MAX_CELLS:,} can be used."
        )


def shown(text: object, limit: int = 60) -> str:
    """A person's text in quotation marks, on one line and not too long, for use inside a sentence."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(str(text).split()))
    return f'"{line if len(line) <= limit else line[: limit - 3] + "..."}"'


def listed(names: Iterable[object], limit: int = 6) -> str:
    """Names as a phrase: "a", "b" and 3 more."""
    chosen = [shown(name) for name in names]
    if len(chosen) > limit:
        return ", ".join(chosen[:limit]) + f" and {len(chosen) - limit} more"
    return " and ".join([", ".join(chosen[:-1]), chosen[-1]] if len(chosen) > 1 else chosen)


def unique_names(names: Sequence[object]) -> list[str]:
    """Names as text on one line, the empty ones called "unnamed 1" by position, the repeated ones numbered "a (2)"."""
    taken: set[str] = set()
    result = []
    for position, name in enumerate(names, start=1):
        wanted = " ".join(str(name).split()) or f"unnamed {position}"
        candidate, copy = wanted, 2
        while candidate in taken:
            candidate, copy = f"{wanted} ({copy})", copy + 1
        taken.add(candidate)
        result.append(candidate)
    return result
