"""What every rule is: a compiled step, named state, and checked hyperparameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gd_core.checks import check_settings

Step = Callable[..., None]
RULES: dict[str, type[Rule]] = {}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The base of all rules: checks its fields, and hands them to the step as an array."""

    step: ClassVar[Step]
    slots: ClassVar[int] = 0
    slot_names: ClassVar[tuple[str, ...]] = ()
    # False for a step that Numba cannot compile, such as one that a person typed in
    compiled: ClassVar[bool] = True

    def __init_subclass__(
        cls, *, step: Step | None = None, slots: int = 0, slot_names: tuple[str, ...] = (), register: bool = True
    ) -> None:
        super().__init_subclass__()
        if step is not None:
            cls.step = staticmethod(step)
            cls.slots = max(slots, len(slot_names))
            cls.slot_names = slot_names or tuple(f"state {i + 1}" for i in range(slots))
            if register:
                RULES[cls.__name__] = cls

    def __post_init__(self) -> None:
        check_settings(self)
        self.check()

    def check(self) -> None:
        """Requirements between fields, beyond the range of each; raises ValueError."""

    def hyper(self) -> npt.NDArray[np.float64]:
        """The fields in order, pairs laid out flat, as floats, and a closing 0 so that it is never empty."""
        values = [np.atleast_1d(getattr(self, field.name)) for field in dataclasses.fields(self)]
        return np.concatenate([*values, np.zeros(1)]).astype(np.float64)

    def state(self, n_params: int) -> npt.NDArray[np.float64]:
        """The state before the first update: zeros, shape (slots, n_params); at least one row."""
        return np.zeros((max(self.slots, 1), n_params))

    @property
    def title(self) -> str:
        """What the pages call it: the name, and what differs from the defaults."""
        changed = [
            _short(field.name, getattr(self, field.name), self.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        ]
        said = ", ".join(text for text in changed if text)
        return self.name + (f" ({said})" if said else "")

    @property
    def name(self) -> str:
        """The rule's name, in the pages' words."""
        return type(self).__name__


def _short(field: str, value: Any, name: str) -> str:
    """A changed setting in few words; what the rule's name says already is not said again."""
    said = field == name.lower()
    if value is True:
        return "" if said else field
    if isinstance(value, tuple):
        words = " and ".join(f"{part:g}" for part in value)
    else:
        words = f"{value:g}" if isinstance(value, float) else str(value)
    return words if said else f"{field}={words}"
