"""Names for the rows of a table of tests."""

from __future__ import annotations

import re


def stable(value: object) -> str:
    """The value's repr without addresses in memory, which differ between processes that share the tests out."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
