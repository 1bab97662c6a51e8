"""The parser: a line of text -> a tree of numbers, names and operations, or a sentence and the place that is wrong."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import gd_core.opcodes as op

# longer than any test function of the literature, and read in well under a millisecond
MOST_CHARACTERS = 300
# brackets in brackets: the parser calls itself once a level
MOST_LEVELS = 50
LARGEST_CONSTANT = 1e100
LARGEST_EXPONENT = 64
LONGEST_NAME = 20

Position = tuple[int, int]


class ExpressionError(ValueError):
    """A formula or a rule that cannot be used: a sentence, and the place in the text.

    ``position`` is (start, end) in characters of ``text``, counted from 0.
    """

    def __init__(self, message: str, text: str = "", position: Position = (0, 0)) -> None:
        super().__init__(message)
        # what is shown, not what was sent: a refused text may be megabytes
        self.text = text[:2000]
        self.position = (min(position[0], len(text)), min(position[1], len(text)))

    @property
    def line(self) -> int:
        """The line of the place, counted from 1."""
        return self.text.count("\n", 0, self.position[0]) + 1

    @property
    def marked(self) -> str:
        """The line in question, and under it a row of carets at the place."""
        start, end = self.position
        begin = self.text.rfind("\n", 0, start) + 1
        stop = self.text.find("\n", begin)
        line = self.text[begin:] if stop < 0 else self.text[begin:stop]
        return f"{line}\n{' ' * (start - begin)}{'^' * max(1, min(end, begin + len(line)) - start)}"


class Operation(NamedTuple):
    """What a function or sign is called, how it is drawn, its opcode in `gd_core.machine`, and its value."""

    code: int
    arity: int
    value: Callable[..., float]
    latex: str


def _sign(u: float) -> float:
    return math.copysign(1.0, u) if u else 0.0


SIGNS: dict[str, Operation] = {
    "+": Operation(op.ADD, 2, lambda u, v: u + v, "{} + {}"),
    "-": Operation(op.SUBTRACT, 2, lambda u, v: u - v, "{} - {}"),
    "*": Operation(op.MULTIPLY, 2, lambda u, v: u * v, r"{} \, {}"),
    "/": Operation(op.DIVIDE, 2, lambda u, v: u / v, r"\frac{{{}}}{{{}}}"),
    "^": Operation(op.POWER, 2, math.pow, "{{{}}}^{{{}}}"),
    "negate": Operation(op.NEGATE, 1, lambda u: -u, "-{}"),
}
FUNCTIONS: dict[str, Operation] = {
    "abs": Operation(op.ABS, 1, abs, r"\left|{}\right|"),
    "sign": Operation(op.SIGN, 1, _sign, r"\operatorname{{sign}}\left({}\right)"),
    "sqrt": Operation(op.SQRT, 1, math.sqrt, r"\sqrt{{{}}}"),
    "exp": Operation(op.EXP, 1, math.exp, r"\exp\left({}\right)"),
    "log": Operation(op.LOG, 1, math.log, r"\log\left({}\right)"),
    "ln": Operation(op.LOG, 1, math.log, r"\log\left({}\right)"),
    "log2": Operation(op.LOG2, 1, math.log2, r"\log_2\left({}\right)"),
    "log10": Operation(op.LOG10, 1, math.log10, r"\log_{{10}}\left({}\right)"),
    "sin": Operation(op.SIN, 1, math.sin, r"\sin\left({}\right)"),
    "cos": Operation(op.COS, 1, math.cos, r"\cos\left({}\right)"),
    "tan": Operation(op.TAN, 1, math.tan, r"\tan\left({}\right)"),
    "asin": Operation(op.ASIN, 1, math.asin, r"\arcsin\left({}\right)"),
    "acos": Operation(op.ACOS, 1, math.acos, r"\arccos\left({}\right)"),
    "atan": Operation(op.ATAN, 1, math.atan, r"\arctan\left({}\right)"),
    "sinh": Operation(op.SINH, 1, math.sinh, r"\sinh\left({}\right)"),
    "cosh": Operation(op.COSH, 1, math.cosh, r"\cosh\left({}\right)"),
    "tanh": Operation(op.TANH, 1, math.tanh, r"\tanh\left({}\right)"),
    "min": Operation(op.MINIMUM, 2, min, r"\min\left({}, {}\right)"),
    "max": Operation(op.MAXIMUM, 2, max, r"\max\left({}, {}\right)"),
}
OPERATIONS: dict[str, Operation] = {**SIGNS, **FUNCTIONS}
CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}


@dataclass(frozen=True)
class Node:
    """A part of a formula: a number, a name, or an operation of `OPERATIONS` on other parts.

    ``constant`` is its value where it holds no variable, otherwise None; ``position`` is its place in the text.
    """

    position: Position
    constant: float | None = None
    name: str = ""
    operation: str = ""
    parts: tuple[Node, ...] = ()


class Token(NamedTuple):
    """A piece of the text: its kind ("number", "name", "sign" or "end"), its characters and its place."""

    kind: str
    text: str
    position: Position


_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|[-+*/^(),=])"
    r"|(?P<space>[ \t]+)"
)
_MEANT = {
    "−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "²": "^2", "³": "^3",
    "π": "pi", "√": "sqrt(...)", "[": "(", "]": ")", "{": "(", "}": ")", "“": "no quotes", '"': "no quotes",
    "'": "no quotes",
}  # fmt: skip


def tokens(text: str, start: int = 0, stop: int | None = None) -> list[Token]:
    """The numbers, names and signs of a part of a text, and a token of kind "end"; raises ExpressionError."""
    found = []
    place, end = start, len(text) if stop is None else stop
    while place < end:
        match = _TOKEN.match(text, place, end)
        if match is None:
            raise _misplaced(text, place)
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), match.span()))
        place = match.end()
    found.append(Token("end", "", (end, end)))
    return found


def _misplaced(text: str, place: int) -> ExpressionError:
    sign = text[place]
    position = (place, place + 1)
    if sign in _MEANT:
        return ExpressionError(f"{sign!r} cannot be read here; write {_MEANT[sign]}.", text, position)
    if sign in "\r\n":
        return ExpressionError("A formula is one line, and this one has a line break.", text, position)
    if ord(sign) > 126:
        name = unicodedata.name(sign, "a character without a name").lower()
        message = f"Only plain letters, digits and signs can be read; this is {name} (U+{ord(sign):04X})."
        return ExpressionError(message, text, position)
    if ord(sign) < 32 or sign == "\x7f":
        return ExpressionError(f"There is a control character (U+{ord(sign):04X}) in the text.", text, position)
    return ExpressionError(f"{sign!r} has no meaning in a formula; it has numbers, names, + - * / ^ and brackets.",
                           text, position)  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME] + "..."


class _Parser:
    """Reads one line by precedence climbing; every way out is a `Node` or an `ExpressionError`."""

    def __init__(self, text: str, names: Sequence[str], found: Sequence[Token]) -> None:
        self.text, self.names, self.tokens = text, names, found
        self.next = 0
        self.level = 0

    def line(self) -> Node:
        """The whole of the tokens as one formula."""
        if self.ahead.kind == "end":
            raise self.error("There is no formula yet: type one, such as x^2 + 3*y^2.", self.ahead)
        found = self.sum()
        token = self.ahead
        if token.kind == "end":
            return found
        if token.text == ")":
            raise self.error("This bracket closes nothing.", token)
        if token.text == ",":
            raise self.error("A comma only separates the two numbers of min and max.", token)
        if token.text == "=":
            raise self.error("A formula has no equals sign: type only what is to be evaluated.", token)
        before = self.tokens[self.next - 1]
        raise self.error(
            f"A sign such as * is missing between {_short(before.text)!r} and {_short(token.text)!r}.",
            before,
            token,
        )

    @property
    def ahead(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        token = self.tokens[self.next]
        self.next += 1
        return token

    def error(self, message: str, token: Token, until: Token | None = None) -> ExpressionError:
        return ExpressionError(message, self.text, (token.position[0], (until or token).position[1]))

    def sum(self) -> Node:
        left = self.product()
        while self.ahead.text in ("+", "-"):
            left = self.node(self.take().text, left, self.product())
        return left

    def product(self) -> Node:
        left = self.signed()
        while self.ahead.text in ("*", "/"):
            sign, right = self.take().text, self.signed()
            if sign == "/" and right.constant == 0:
                raise ExpressionError("This is a division by zero.", self.text, right.position)
            left = self.node(sign, left, right)
        return left

    def signed(self) -> Node:
        self.level += 1
        if self.level > MOST_LEVELS:
            raise self.error(f"The formula is nested more than {MOST_LEVELS} levels deep.", self.ahead)
        if self.ahead.text in ("+", "-"):
            sign = self.take()
            inner = self.signed()
            found = inner if sign.text == "+" else self.node("negate", inner, start=sign.position[0])
        else:
            found = self.power()
        self.level -= 1
        return found

    def power(self) -> Node:
        base = self.atom()
        if self.ahead.text not in ("^", "**"):
            return base
        self.take()
        exponent = self.signed()
        if exponent.constant is not None and abs(exponent.constant) > LARGEST_EXPONENT:
            raise ExpressionError(
                f"An exponent must be between -{LARGEST_EXPONENT} and {LARGEST_EXPONENT}, got {exponent.constant:g}.",
                self.text,
                exponent.position,
            )
        return self.node("^", base, exponent)

    def atom(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return self.number(token)
        if token.kind == "name":
            return self.call(token) if token.text in FUNCTIONS else self.named(token)
        if token.text == "(":
            inner = self.sum()
            closing = self.close(token)
            return replace(inner, position=(token.position[0], closing.position[1]))
        if token.kind == "end":
            before = self.tokens[self.next - 2]
            raise self.error(f"The formula ends after {before.text!r}, where a number or a name must follow.", before)
        raise self.error(f"A number, a name or a bracket must stand here, not {token.text!r}.", token)

    def number(self, token: Token) -> Node:
        value = float(token.text)
        if not value <= LARGEST_CONSTANT:
            raise self.error(f"A number can be at most {LARGEST_CONSTANT:g}, got {_short(token.text)}.", token)
        return Node(token.position, value)

    def named(self, token: Token) -> Node:
        if token.text in CONSTANTS:
            return Node(token.position, CONSTANTS[token.text], token.text)
        if token.text in self.names:
            if self.ahead.text == "(":
                raise self.error(f"{token.text!r} is not a function; to multiply, write {token.text}*(...).", token)
            return Node(token.position, name=token.text)
        name = _short(token.text)
        known = ", ".join([*self.names, *CONSTANTS])
        if token.text.lower() in (*self.names, *CONSTANTS, *FUNCTIONS):
            raise self.error(f"{name!r} is not known; write {token.text.lower()!r}.", token)
        if self.ahead.text == "(":
            raise self.error(f"{name!r} is not a function here; the functions are {', '.join(FUNCTIONS)}.", token)
        raise self.error(f"{name!r} is not known here; the names are {known}.", token)

    def call(self, token: Token) -> Node:
        function = FUNCTIONS[token.text]
        if self.ahead.text != "(":
            raise self.error(f"{token.text} needs brackets: {token.text}(...).", token)
        opening = self.take()
        arguments = [] if self.ahead.text == ")" else [self.sum()]
        while self.ahead.text == ",":
            self.take()
            arguments.append(self.sum())
        closing = self.close(opening)
        if len(arguments) != function.arity:
            wanted = "one number" if function.arity == 1 else "two numbers"
            raise self.error(f"{token.text} takes {wanted}, got {len(arguments)}.", token, closing)
        return self.node(token.text, *arguments, start=token.position[0], end=closing.position[1])

    def close(self, opening: Token) -> Token:
        token = self.take()
        if token.text == ")":
            return token
        if token.kind == "end":
            raise self.error("This bracket is never closed.", opening)
        raise self.error(f"A sign or a closing bracket must stand here, not {_short(token.text)!r}.", token)

    def node(self, operation: str, *parts: Node, start: int | None = None, end: int | None = None) -> Node:
        begin = parts[0].position[0] if start is None else start
        position = (begin, parts[-1].position[1] if end is None else end)
        return Node(position, self.fold(operation, parts, position), operation=operation, parts=parts)

    def fold(self, operation: str, parts: tuple[Node, ...], position: Position) -> float | None:
        numbers = [part.constant for part in parts]
        if any(number is None for number in numbers):
            return None
        try:
            value = float(OPERATIONS[operation].value(*numbers))
        except OverflowError:
            value = math.inf
        except (ValueError, ZeroDivisionError):
            value = math.nan
        if not abs(value) <= LARGEST_CONSTANT:
            what = "has no value" if math.isnan(value) else f"is larger than {LARGEST_CONSTANT:g}"
            raise ExpressionError(f"This part {what}.", self.text, position)
        return value


def check_text(text: object, what: str, most: int) -> str:
    """The text itself; ExpressionError unless it is a text of at most ``most`` characters that is not empty."""
    if not isinstance(text, str):
        raise ExpressionError(f"A {what} is a text, got {type(text).__name__}.")
    if len(text) > most:
        raise ExpressionError(
            f"A {what} can have at most {most} characters, and this one has {len(text):,}.", text[:2000], (most, 2000)
        )
    return text


def parse(text: str, names: Sequence[str] = ("x", "y")) -> Node:
    """The tree of a formula of one line in the given names; raises ExpressionError with the place."""
    checked = check_text(text, "formula", MOST_CHARACTERS)
    return parse_tokens(checked, tokens(checked), names)


def parse_tokens(text: str, found: Sequence[Token], names: Sequence[str]) -> Node:
    """The tree of some of a text's tokens, the last of which is an "end"."""
    return _Parser(text, names, found).line()
