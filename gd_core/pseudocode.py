"""An update written out: each line of a rule's step for one parameter, with the numbers put in.

    steps = replay(run, [40])
    for line in pseudocode(run.variant.rule, steps, 0, parameter=1).lines:
        print(line.name, "=", line.formula, "=", line.numbers, "=", line.value)

The lines are read from the step itself: its source is evaluated again statement by statement, and what a line says is
what it did. So a new rule needs no words here. Where a step cannot be read (it has no source, or does what these few
statements cannot say), its docstring's recurrence and the named numbers are left.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
import operator
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from gd_core.expressions.parsing import OPERATIONS, Node
from gd_core.problem import Vector
from gd_core.replay import Replay
from gd_core.rules import Rule
from gd_core.typed_rules import TypedRule

# what an unread loop over all parameters may take: each costs some 50 microseconds a statement
MOST_PARAMETERS = 200
DIGITS = 6
# how tightly an operation holds its parts together
_SUM, _PRODUCT, _SIGNED, _POWER, _TIGHT = 1, 2, 3, 4, 5


class Line(NamedTuple):
    """One line: the name that it gives a value to, its formula, the same with numbers put in, and the value."""

    name: str
    formula: str
    numbers: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Pseudocode:
    """An update of one parameter: its lines (none where the step cannot be read), the recurrence, numbers by name."""

    lines: tuple[Line, ...]
    recurrence: str
    numbers: Mapping[str, float]

    @property
    def text(self) -> str:
        """The lines as monospaced text, each with its formula, its numbers and its value."""
        if not self.lines:
            return self.recurrence
        width = max(len(line.name) for line in self.lines)
        blocks = []
        for line in self.lines:
            value = shown(line.value)
            rows = [f"{line.name:<{width}} \u2190 {line.formula}"]
            rows += [f"{'':<{width}} = {text}" for text in dict.fromkeys([line.numbers, value])]
            blocks.append("\n".join(rows))
        return "\n".join(blocks)


def pseudocode(rule: Rule, steps: Replay, k: int, *, parameter: int) -> Pseudocode:
    """The k-th replayed update of one parameter, written out.

    Raises ValueError for a rule that was not the run's (its state has another number of variables) and IndexError for
    an update or a parameter that is not there.
    """
    state = steps.state_before[k]
    if len(state) != len(rule.slot_names):
        raise ValueError(f"the replay has {len(state)} state variables, and {rule.title} has {len(rule.slot_names)}")
    given = _Given(
        theta=steps.before[k],
        gradient=steps.gradient[k],
        state=state,
        hyper=rule.hyper(),
        update=int(steps.updates[k]),
        rate=float(steps.rate[k]),
    )
    with np.errstate(all="ignore"):
        try:
            lines = _typed(rule, given, parameter) if isinstance(rule, TypedRule) else _read(rule, given, parameter)
        except _UnreadableError:
            lines = ()
    return Pseudocode(lines=lines, recurrence=recurrence(rule), numbers=_named(rule, given, parameter))


def recurrence(rule: Rule) -> str:
    """The first paragraph of a rule's docstring, where its recurrence stands; a typed rule's own text."""
    if isinstance(rule, TypedRule):
        return rule.text
    return inspect.cleandoc(type(rule).__doc__ or rule.title).split("\n\n")[0].replace("<-", "\u2190")


def shown(value: float) -> str:
    """A number in a line: few digits, as short as it goes."""
    if not math.isfinite(value):
        return {math.inf: "infinity", -math.inf: "-infinity"}.get(float(value), "no number")
    return f"{value:.{DIGITS}g}"


def _named(rule: Rule, given: _Given, parameter: int) -> dict[str, float]:
    numbers = {"theta": float(given.theta[parameter]), "gradient": float(given.gradient[parameter])}
    numbers |= {name: float(values[parameter]) for name, values in zip(rule.slot_names, given.state, strict=True)}
    numbers |= {"rate": given.rate, "update": float(given.update)}
    for each in dataclasses.fields(rule):
        value = getattr(rule, each.name)
        if isinstance(value, tuple):
            numbers |= {f"{each.name} {i + 1}": float(part) for i, part in enumerate(value)}
        elif isinstance(value, int | float):
            numbers[each.name] = float(value)
    return numbers


class _UnreadableError(Exception):
    """A step that says something which the lines here cannot."""


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What a step is given; ``state`` (slots, n_params)."""

    theta: Vector
    gradient: Vector
    state: Any
    hyper: Vector
    update: int
    rate: float


class _Term(NamedTuple):
    """A part of a formula: in names, in numbers, its value, and how tightly each text is bound together."""

    names: str
    numbers: str
    value: Any
    binding: int = _TIGHT
    numbers_binding: int = _TIGHT

    def within(self, least: int) -> tuple[str, str]:
        """Both texts, in brackets where the surroundings bind more tightly."""
        names = self.names if self.binding >= least else f"({self.names})"
        return names, self.numbers if self.numbers_binding >= least else f"({self.numbers})"


def _number(value: Any, name: str | None = None) -> _Term:
    text = shown(value)
    binding = _SIGNED if text.startswith("-") else _TIGHT
    return _Term(text if name is None else name, text, value, binding if name is None else _TIGHT, binding)


_BINDING: dict[str, tuple[int, int, int]] = {
    # the whole, and what its left and its right part must hold
    "+": (_SUM, _SUM, _PRODUCT),
    "-": (_SUM, _SUM, _PRODUCT),
    "*": (_PRODUCT, _PRODUCT, _PRODUCT),
    "/": (_PRODUCT, _PRODUCT, _SIGNED),
    "^": (_POWER, _TIGHT, _TIGHT),
}


def _combined(sign: str, left: _Term, right: _Term, value: Any) -> _Term:
    whole, least_left, least_right = _BINDING[sign]
    space = "" if sign == "^" else " "
    pairs = zip(left.within(least_left), right.within(least_right), strict=True)
    texts = [f"{a}{space}{sign}{space}{f'({b})' if b.startswith('-') else b}" for a, b in pairs]
    return _Term(texts[0], texts[1], value, whole, whole)


def _negated(term: _Term, value: Any) -> _Term:
    names, numbers = term.within(_PRODUCT)
    numbers = f"({numbers})" if numbers.startswith("-") else numbers
    return _Term(f"-{names}", f"-{numbers}", value, _SIGNED, _SIGNED)


def _called(name: str, parts: Sequence[_Term], value: Any) -> _Term:
    inside = (", ".join(part.names for part in parts), ", ".join(part.numbers for part in parts))
    return _Term(f"{name}({inside[0]})", f"{name}({inside[1]})", value)


# typed rules


def _typed(rule: TypedRule, given: _Given, parameter: int) -> tuple[Line, ...]:
    known = {
        "theta": float(given.theta[parameter]),
        "g": float(given.gradient[parameter]),
        "lr": given.rate,
        "t": float(given.update),
    }
    known |= {name: float(values[parameter]) for name, values in zip(rule.slot_names, given.state, strict=True)}
    lines = []
    for name, node in rule.lines:
        term = _of_node(node, known)
        known[name] = term.value
        lines.append(Line(name, term.names, term.numbers, float(term.value)))
    return tuple(lines)


def _of_node(node: Node, known: Mapping[str, float]) -> _Term:
    if node.constant is not None:
        return _number(np.float64(node.constant))
    if not node.operation:
        return _number(np.float64(known[node.name]), node.name)
    parts = [_of_node(part, known) for part in node.parts]
    value = _value(OPERATIONS[node.operation].value, *(part.value for part in parts))
    if node.operation == "negate":
        return _negated(parts[0], value)
    if node.operation in _BINDING:
        return _combined(node.operation, parts[0], parts[1], value)
    return _called(node.operation, parts, value)


def _value(function: Callable[..., Any], *values: Any) -> Any:
    """What a function of numbers gives, as the compiled code would have it where Python refuses."""
    try:
        return np.float64(function(*values))
    except OverflowError:
        return np.float64(np.inf)
    except (ValueError, ZeroDivisionError):
        return np.float64(np.nan)


# steps with a source


@cache
def _source(step: Callable[..., None]) -> ast.FunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(step)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None
    found = tree.body[0]
    return found if isinstance(found, ast.FunctionDef) and len(found.args.args) == 6 else None


def _read(rule: Rule, given: _Given, parameter: int) -> tuple[Line, ...]:
    function = _source(rule.step)
    if function is None:
        raise _UnreadableError
    theta, gradient, state, hyper, update, rate = (argument.arg for argument in function.args.args)
    reader = _Reader(
        parameter=parameter,
        known={
            theta: _Table("theta", np.array(given.theta)),
            gradient: _Table("gradient", np.array(given.gradient)),
            state: [_Table(name, np.array(values)) for name, values in zip(rule.slot_names, given.state, strict=True)],
            hyper: list(map(np.float64, given.hyper)),
            update: given.update,
            rate: np.float64(given.rate),
        },
        functions=getattr(rule.step, "__globals__", {}),
        alone=_each_by_itself(function),
    )
    if not reader.alone and len(given.theta) > MOST_PARAMETERS:
        raise _UnreadableError
    try:
        reader.do(function.body)
    except (KeyError, IndexError, AttributeError, TypeError) as reason:
        raise _UnreadableError from reason
    return tuple(reader.lines)


def _each_by_itself(function: ast.FunctionDef) -> bool:
    """Whether every parameter is changed without a look at the others: one loop, and nothing gathered in it."""
    loops = [node for node in ast.walk(function) if isinstance(node, ast.For | ast.While)]
    gathers = any(
        isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
        for loop in loops
        for node in ast.walk(loop)
    )
    return len(loops) == 1 and function.body[-1] is loops[0] and not gathers


@dataclass
class _Table:
    """A vector with a number for each parameter."""

    name: str
    values: Vector


_ARITHMETIC: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.Pow: ("^", operator.pow),
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_PLAIN_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max, "abs": abs, "float": float, "int": int}


@dataclass
class _Reader:
    """Does a step's statements, and writes down those that concern one parameter."""

    parameter: int
    known: dict[str, Any]
    functions: Mapping[str, Any]
    alone: bool
    lines: list[Line] = field(default_factory=list)
    # the loop's index and where it stands, outside a loop ""
    index: str = ""
    place: int = 0

    def do(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return
            case ast.Assign(targets=[target], value=value):
                self.assign(target, value)
            case ast.AugAssign(target=target, op=sign, value=value):
                load = ast.parse(ast.unparse(target), mode="eval").body
                self.assign(target, ast.BinOp(left=load, op=sign, right=value))
            case ast.If(test=test, body=body, orelse=orelse):
                self.do(body if self.term(test).value else orelse)
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[end]), body=body):
                self.index = name
                for place in [self.parameter] if self.alone else range(int(self.term(end).value)):
                    self.place = place
                    self.do(body)
                self.index = ""
            case _:
                raise _UnreadableError

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=True):
                self.assign(one, other)
            return
        if isinstance(target, ast.Name):
            found = self.found(value)
            if isinstance(found, _Table) or (not self.index and isinstance(value, ast.Subscript | ast.Name)):
                # another name for something given; a state variable goes by the name that the lines use
                self.known[target.id] = _Table(target.id, found.values) if isinstance(found, _Table) else found
                return
        term = self.term(value)
        if isinstance(target, ast.Name):
            self.known[target.id] = term.value
            name = target.id
        elif isinstance(target, ast.Subscript):
            table = self.found(target.value)
            if not isinstance(table, _Table) or not self.is_index(target.slice):
                raise _UnreadableError
            table.values[self.place] = term.value
            name = table.name
        else:
            raise _UnreadableError
        if not self.index or self.place == self.parameter:
            self.lines.append(Line(name, term.names, term.numbers, float(term.value)))

    def is_index(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.index

    def found(self, node: ast.expr) -> Any:
        """What an expression stands for: a table, a list, or a number's term."""
        match node:
            case ast.Name(id=name):
                return self.known[name]
            case ast.Subscript(value=value, slice=ast.Constant(value=int(place))):
                return self.found(value)[place]
            case ast.Subscript(value=value, slice=ast.Tuple(elts=[first, last])) if self.is_index(last):
                return self.found(value)[int(self.term(first).value)].values[self.place]
            case ast.Subscript(value=value, slice=index) if self.is_index(index):
                return self.found(value).values[self.place]
        return self.term(node).value

    def term(self, node: ast.expr) -> _Term:
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return _number(np.float64(value) if isinstance(value, float) else value)
            case ast.Name(id=name):
                return self.named(self.known[name], name)
            case ast.Subscript(value=value):
                table = self.found(value)
                name = table.name if isinstance(table, _Table) else ast.unparse(node)
                return self.named(self.found(node), name)
            case ast.Attribute(value=ast.Name(id=name), attr="size"):
                return _number(len(self.known[name].values))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
                return self.combined(*_ARITHMETIC[type(sign)], self.term(left), self.term(right))
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                term = self.term(inner)
                return _negated(term, -term.value)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return _number(not self.term(inner).value)
            case ast.BoolOp(op=sign, values=values):
                whether = all if isinstance(sign, ast.And) else any
                return _number(whether(self.term(value).value for value in values))
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARISONS:
                return _number(bool(_COMPARISONS[type(sign)](self.term(left).value, self.term(right).value)))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.term(body if self.term(test).value else orelse)
            case ast.Call(func=func, args=arguments, keywords=[]):
                return self.called(func, [self.term(argument) for argument in arguments])
        raise _UnreadableError

    def named(self, value: Any, name: str) -> _Term:
        if not isinstance(value, int | float):
            raise _UnreadableError
        return _number(value, name)

    def combined(self, sign: str, function: Callable[[Any, Any], Any], left: _Term, right: _Term) -> _Term:
        # NumPy's floats divide by zero and overflow as the compiled code does
        whole = isinstance(left.value, int) and isinstance(right.value, int)
        value = (
            function(left.value, right.value)
            if whole
            else _value(function, *map(np.float64, (left.value, right.value)))
        )
        return _combined(sign, left, right, value)

    def called(self, function: ast.expr, parts: list[_Term]) -> _Term:
        values = [part.value for part in parts]
        match function:
            case ast.Name(id=name) if name in _PLAIN_FUNCTIONS:
                value = _PLAIN_FUNCTIONS[name](*values)
                if name in ("float", "int"):
                    return parts[0]._replace(value=value)
                return _called(name, parts, value)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if self.functions.get(module) in (math, np):
                return _called(name, parts, _value(getattr(self.functions[module], name), *values))
        raise _UnreadableError
