"""The trace of all runs as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from gd_core.comparison import Comparison

# how a spreadsheet knows a formula: such a text is marked as text by an apostrophe in front (OWASP, CSV injection)
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r", "\n")


def trace_csv(comparison: Comparison) -> str:
    """Every record of every run as CSV: one row an update count, numbers to the last bit.

    The columns are variant, seed, and those of `Run.to_frame`. A name that a spreadsheet would take for a formula gets
    an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    header_written = False
    for label, repeats in zip(comparison.labels, comparison.repeats, strict=True):
        for run in repeats:
            frame = run.to_frame()
            if not header_written:
                writer.writerow(["variant", "seed", *(_harmless(str(name)) for name in frame.columns)])
                header_written = True
            columns: list[list[Any]] = [frame[name].tolist() for name in frame.columns]
            for values in zip(*columns, strict=True):
                writer.writerow([_harmless(label), run.variant.seed, *map(repr, values)])
    return out.getvalue()


def _harmless(text: str) -> str:
    return "'" + text if text.startswith(FORMULA_MARKS) else text
