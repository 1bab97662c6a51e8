"""What a tree is turned into: a program for the machine, LaTeX for the eye, coefficients where it is quadratic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

import gd_core.opcodes as op
from gd_core.expressions.parsing import OPERATIONS, Node
from gd_core.problem import Vector


def instructions(node: Node, registers: Mapping[str, int]) -> Iterator[tuple[float, float]]:
    """The node as instructions (opcode, operand) of `gd_core.machine`, parts before what is done with them."""
    if node.constant is not None:
        yield op.PUSH, node.constant
    elif not node.operation:
        yield op.LOAD, registers[node.name]
    elif node.operation == "^" and node.parts[1].constant is not None:
        yield from instructions(node.parts[0], registers)
        yield op.POWER_CONSTANT, node.parts[1].constant
    else:
        for part in node.parts:
            yield from instructions(part, registers)
        yield OPERATIONS[node.operation].code, 0.0


def program(steps: Sequence[tuple[float, float]]) -> Vector:
    """The instructions as a program of `gd_core.machine`: the stack's depth, their number, then pairs."""
    depth = deepest = 0
    for code, _ in steps:
        if code in (op.PUSH, op.LOAD):
            depth += 1
        elif code == op.STORE or code >= op.FIRST_BINARY:
            depth -= 1
        deepest = max(deepest, depth)
    encoded = np.array([deepest, len(steps), *(number for step in steps for number in step)], dtype=np.float64)
    encoded.setflags(write=False)
    return encoded


# how tightly a sign holds its parts together
_SUM, _PRODUCT, _POWER, _TIGHT = 1, 2, 3, 4


def latex(node: Node) -> str:
    """The formula as LaTeX, for the eye: as it was read, so that a misread bracket shows."""
    return _latex(node)[0]


def _latex(node: Node) -> tuple[str, int]:
    """The LaTeX, and how tightly its outermost sign binds."""
    if not node.operation:
        if node.name:
            return {"pi": r"\pi", "theta": r"\theta"}.get(node.name, _latex_name(node.name)), _TIGHT
        return _latex_number(float(node.constant or 0.0))
    operation, parts = node.operation, [_latex(part) for part in node.parts]
    template = OPERATIONS[operation].latex

    def within(i: int, least: int) -> str:
        drawn, binding = parts[i]
        return drawn if binding >= least else rf"\left({drawn}\right)"

    if operation in ("+", "-"):
        return template.format(within(0, _SUM), within(1, _PRODUCT)), _SUM
    if operation == "*":
        right = within(1, _POWER)
        # two numbers side by side would read as one
        sign = r"{} \cdot {}" if right[:1].isdigit() else template
        return sign.format(within(0, _PRODUCT), right), _PRODUCT
    if operation == "/":
        return template.format(parts[0][0], parts[1][0]), _PRODUCT
    if operation == "^":
        return template.format(within(0, _TIGHT), parts[1][0]), _POWER
    if operation == "negate":
        return template.format(within(0, _PRODUCT)), _SUM
    return template.format(*(drawn for drawn, _ in parts)), _TIGHT


def _latex_name(name: str) -> str:
    return name if len(name) == 1 else rf"\mathrm{{{name}}}".replace("_", r"\_")


def _latex_number(value: float) -> tuple[str, int]:
    mantissa, _, exponent = f"{value:.12g}".partition("e")
    if not exponent:
        return mantissa, _TIGHT
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", _PRODUCT


Polynomial = dict[tuple[int, int], float]


def quadratic_terms(node: Node) -> Polynomial | None:
    """The coefficients {(i, j): c} of c x^i y^j of a polynomial of degree 2 at most; None for any other formula."""
    if node.constant is not None:
        return {(0, 0): node.constant}
    if not node.operation:
        return {(1, 0): 1.0} if node.name == "x" else {(0, 1): 1.0}
    if node.operation == "^":
        return _power(quadratic_terms(node.parts[0]), node.parts[1].constant)
    parts = [quadratic_terms(part) for part in node.parts]
    first, second = parts[0], parts[-1]
    if first is None or second is None:
        return None
    if node.operation == "negate":
        return _plus({}, first, -1.0)
    if node.operation == "+":
        return _plus(first, second, 1.0)
    if node.operation == "-":
        return _plus(first, second, -1.0)
    if node.operation == "*":
        return _times(first, second)
    divisor = node.parts[1].constant if node.operation == "/" else None
    return _plus({}, first, 1.0 / divisor) if divisor else None


def _plus(first: Polynomial, second: Polynomial, factor: float) -> Polynomial:
    return {key: first.get(key, 0.0) + factor * second.get(key, 0.0) for key in {**first, **second}}


def _times(first: Polynomial, second: Polynomial) -> Polynomial | None:
    found: Polynomial = {}
    for (i, j), a in first.items():
        for (k, m), b in second.items():
            if i + j + k + m > 2:
                return None
            found[i + k, j + m] = found.get((i + k, j + m), 0.0) + a * b
    return found


def _power(base: Polynomial | None, exponent: float | None) -> Polynomial | None:
    if base is None or exponent not in (0.0, 1.0, 2.0):
        return None
    if exponent == 2.0:
        return _times(base, base)
    return base if exponent == 1.0 else {(0, 0): 1.0}
