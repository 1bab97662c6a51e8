r"""A rule that a person typed: a few lines, run by the compiled machine like any other rule.

    m = 0.9*m + g
    theta = theta - lr*m

Each line gives a name a value, in order, for every parameter by itself: ``theta`` is that parameter, ``g`` its
gradient, ``lr`` the schedule's rate and ``t`` the number of the update, counted from 1. Any other name that a line
gives a value to is a state variable: it is 0 before the first update and keeps its value from one update to the next,
so reading it before its line gives the last update's value. ``+=``, ``-=``, ``*=`` and ``/=`` work as one expects. A
value given to g, lr or t holds until the end of the update. The right-hand sides are formulas as in
`gd_core.expressions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import gd_core.opcodes as op
from gd_core.expressions.forms import instructions, program
from gd_core.expressions.parsing import (
    CONSTANTS,
    FUNCTIONS,
    LONGEST_NAME,
    MOST_CHARACTERS,
    ExpressionError,
    Node,
    Token,
    check_text,
    parse_tokens,
    tokens,
)
from gd_core.problem import Vector
from gd_core.rules import Rule

GIVEN = ("theta", "g", "lr", "t")
# the longest rule of the literature that these lines can say has about ten
MOST_LINES = 20
MOST_RULE_CHARACTERS = 1000
# Adam takes two
MOST_STATES = 12
EXAMPLE = "m = 0.9*m + g\ntheta = theta - lr*m"


class _Line(NamedTuple):
    target: Token
    # "+", "-", "*" or "/" of a line such as m += g, otherwise ""
    sign: str
    right: list[Token]


@dataclass(frozen=True, kw_only=True)
class TypedRule(Rule):
    """An update rule from its text; raises ExpressionError, a ValueError, with a sentence and the place."""

    text: str = EXAMPLE

    def check(self) -> None:
        _ = self._program

    @classmethod
    def from_text(cls, text: str) -> TypedRule:
        """The rule of a text; see the module's text for what it may hold."""
        return cls(text=text)

    @property
    def name(self) -> str:
        return "your rule"

    @property
    def title(self) -> str:
        return "your rule"

    # the machine is imported late, because it brings Numba with it
    @property
    def step(self) -> Any:  # type: ignore[override]
        from gd_core.machine import typed_step

        return typed_step

    @property
    def slots(self) -> int:  # type: ignore[override]
        return len(self.slot_names)

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The state variables, in the order of their first line."""
        return tuple(self._registers)[len(GIVEN) :]

    def hyper(self) -> npt.NDArray[np.float64]:
        """The program, in the place of hyperparameters."""
        return np.array(self._program)

    @cached_property
    def _lines(self) -> list[_Line]:
        text = check_text(self.text, "rule", MOST_RULE_CHARACTERS)
        found, place = [], 0
        for line in text.split("\n"):
            stop = place + len(line.rstrip("\r"))
            if line.strip():
                found.append(_split(text, place, stop))
            place += len(line) + 1
        if len(found) > MOST_LINES:
            raise ExpressionError(f"A rule can have at most {MOST_LINES} lines, got {len(found)}.", text)
        if not any(line.target.text == "theta" for line in found):
            message = "A rule must change theta, for example with the line theta = theta - lr*g."
            raise ExpressionError(message, text, (0, len(text)))
        return found

    @cached_property
    def _registers(self) -> dict[str, int]:
        """The number of each name's register: the given names, then the state variables."""
        names = dict.fromkeys([*GIVEN, *(line.target.text for line in self._lines)])
        if len(names) > len(GIVEN) + MOST_STATES:
            raise ExpressionError(f"A rule can have at most {MOST_STATES} state variables.", self.text)
        return {name: number for number, name in enumerate(names)}

    @property
    def names(self) -> tuple[str, ...]:
        """All names: the given ones, then the state variables."""
        return tuple(self._registers)

    @cached_property
    def lines(self) -> tuple[tuple[str, Node], ...]:
        """Each line as the name that it changes and the formula that it gives it, in order."""
        found = []
        for line in self._lines:
            right = parse_tokens(self.text, line.right, list(self._registers))
            if line.sign:
                left = Node(line.target.position, name=line.target.text)
                right = Node(line.target.position, operation=line.sign, parts=(left, right))
            found.append((line.target.text, right))
        return tuple(found)

    @cached_property
    def _program(self) -> Vector:
        steps: list[tuple[float, float]] = []
        for name, right in self.lines:
            steps += [*instructions(right, self._registers), (op.STORE, self._registers[name])]
        return program(steps)


def _split(text: str, start: int, stop: int) -> _Line:
    """One line as the name that it changes, and what it is given."""
    if stop - start > MOST_CHARACTERS:
        raise ExpressionError(f"A line can have at most {MOST_CHARACTERS} characters.", text, (start, stop))
    found = tokens(text, start, stop)
    target, sign = found[0], ""
    if target.kind != "name":
        raise ExpressionError(
            "A line begins with the name that it changes, as in m = 0.9*m + g.", text, target.position
        )
    if target.text in FUNCTIONS or target.text in CONSTANTS:
        message = f"{target.text!r} already has a meaning; choose another name."
        raise ExpressionError(message, text, target.position)
    if len(target.text) > LONGEST_NAME:
        raise ExpressionError(f"A name can have at most {LONGEST_NAME} characters.", text, target.position)
    after = 1
    if found[1].text in ("+", "-", "*", "/") and found[2].text == "=":
        if found[1].position[1] != found[2].position[0]:
            raise ExpressionError(f"Write {found[1].text}= without a space.", text, found[2].position)
        sign, after = found[1].text, 2
    if found[after].text != "=":
        message = f"An equals sign must follow {target.text!r}, as in {target.text} = ..."
        raise ExpressionError(message, text, (target.position[0], found[after].position[1]))
    if found[after + 1].kind == "end":
        raise ExpressionError("Nothing follows the equals sign.", text, found[after].position)
    return _Line(target, sign, found[after + 1 :])
