"""Checks on what a caller hands over: one way to say no, and one way to describe a number that can be set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any


def require(condition: bool, message: str, *values: object) -> None:
    """Raise ``ValueError(message.format(*values))`` unless ``condition`` holds."""
    if not condition:
        raise ValueError(message.format(*values))


def setting(
    default: Any,
    *,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    help: str = "",
) -> Any:
    """A dataclass field with its allowed range and one line of help.

    ``least <= value <= most`` and ``above < value < below``. `check_settings` enforces the range, and the pages
    build their controls from it, so a range is written once.
    """
    metadata = {"least": least, "most": most, "above": above, "below": below, "help": help}
    return dataclasses.field(default=default, metadata=metadata)


def check_settings(instance: Any) -> None:
    """Check every field of a frozen dataclass against its declared type and range, and give numbers their type.

    Raises ValueError that names the field, the requirement and the value.
    """
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if field.type in ("float", float):
            object.__setattr__(instance, field.name, number(field.name, value))
        elif field.type in ("int", int):
            object.__setattr__(instance, field.name, whole_number(field.name, value))
        elif field.type in ("bool", bool):
            require(type(value).__name__ in ("bool", "bool_"), "{} must be True or False, got {!r}", field.name, value)
            object.__setattr__(instance, field.name, bool(value))
        elif str(field.type) == "tuple[float, float]":
            pair = isinstance(value, (tuple, list)) and len(value) == 2
            require(pair, "{} must be a pair of numbers, got {!r}", field.name, value)
            object.__setattr__(instance, field.name, tuple(number(field.name, part) for part in value))
        if field.metadata and "least" in field.metadata:
            checked = getattr(instance, field.name)
            for part in checked if isinstance(checked, tuple) else (checked,):
                _in_range(field.name, part, field.metadata)


def distinct(names: Iterable[str], *, taken: Iterable[str] = ()) -> tuple[str, ...]:
    """The names, numbered where they would repeat one before them or one that is taken."""
    used = set(taken)
    found = []
    for name in names:
        free, count = name, 1
        while free in used:
            count += 1
            free = f"{name} ({count})"
        used.add(free)
        found.append(free)
    return tuple(found)


def whole_number(name: str, value: Any) -> int:
    """``value`` as an int; a ValueError that names it if it is none (True and 2.0 are none)."""
    whole = hasattr(value, "__index__") and type(value).__name__ not in ("bool", "bool_", "ndarray")
    require(whole, "{} must be a whole number, got {!r}", name, value)
    return int(value)


def number(name: str, value: Any) -> float:
    """``value`` as a finite float; a ValueError that names it if it is none."""
    refused = isinstance(value, (bool, str, bytes)) or not hasattr(value, "__float__")
    require(not refused, "{} must be a number, got {!r}", name, value)
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    except TypeError:
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    require(math.isfinite(found), "{} must be finite, got {!r}", name, value)
    return found


def _in_range(name: str, value: float, bounds: Any) -> None:
    least, most, above, below = bounds["least"], bounds["most"], bounds["above"], bounds["below"]
    if least <= value <= most and above < value < below:
        return
    if (least, most, above, below) == (-math.inf, math.inf, 0, math.inf):
        raise ValueError(f"{name} must be positive, got {value!r}")
    if (most, above, below) == (math.inf, -math.inf, math.inf):
        raise ValueError(f"{name} must be at least {least:g}, got {value!r}")
    left = f"({above:g}" if above > -math.inf else f"[{least:g}"
    right = f"{below:g})" if below < math.inf else f"{most:g}]"
    raise ValueError(f"{name} must be in {left}, {right}, got {value!r}")
