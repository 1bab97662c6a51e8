"""A person's formula as code of NumPy or PyTorch, and its derivative.

The code is written from the parsed tree, out of numbers, known names and known functions: no text that a person typed
is copied into a script as code.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping

from gd_core.expressions.parsing import Node

# how tightly an operation holds its parts together in Python
_SUM, _PRODUCT, _SIGNED, _POWER, _TIGHT = 1, 2, 3, 4, 5
_NAMES = {"ln": "log", "min": "minimum", "max": "maximum"}
_NUMPY_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_HERE = (0, 0)


def code(node: Node, library: str, names: Mapping[str, str]) -> str:
    """The formula in the words of "np" or "torch"; ``names`` says what the variables are called there."""
    return _code(node, library, names)[0]


def _code(node: Node, library: str, names: Mapping[str, str]) -> tuple[str, int]:
    if node.constant is not None:
        return _constant(node.constant)
    if not node.operation:
        return names[node.name], _TIGHT
    operation = node.operation
    parts = [_code(part, library, names) for part in node.parts]

    def within(i: int, least: int) -> str:
        text, binding = parts[i]
        return text if binding >= least else f"({text})"

    if operation in ("+", "-"):
        return f"{within(0, _SUM)} {operation} {within(1, _PRODUCT)}", _SUM
    if operation in ("*", "/"):
        return f"{within(0, _PRODUCT)} {operation} {within(1, _SIGNED)}", _PRODUCT
    if operation == "negate":
        return f"-{within(0, _SIGNED)}", _SIGNED
    if operation == "^":
        if node.parts[1].constant is not None:
            return f"{within(0, _TIGHT)} ** {within(1, _SIGNED)}", _POWER
        return _variable_power(node, library, names)
    name = _NAMES.get(operation, operation)
    name = _NUMPY_NAMES.get(name, name) if library == "np" else name
    arguments = [text for text, _ in parts]
    if library == "torch" and name in ("minimum", "maximum"):
        arguments = [
            f"torch.tensor({text})" if part.constant is not None else text
            for text, part in zip(arguments, node.parts, strict=True)
        ]
    return f"{library}.{name}({', '.join(arguments)})", _TIGHT


def _constant(value: float) -> tuple[str, int]:
    if not math.isfinite(value):
        return f'float("{value}")', _TIGHT
    whole = value.is_integer() and abs(value) < 1e15
    return (str(int(value)) if whole else repr(value)), (_SIGNED if value < 0 else _TIGHT)


def _variable_power(node: Node, library: str, names: Mapping[str, str]) -> tuple[str, int]:
    """exp(exponent * log(base)): a power whose exponent moves has no value for a negative base."""
    base, exponent = node.parts
    logarithm = _constant(math.log(base.constant)) if base.constant is not None and base.constant > 0 else None
    log = logarithm[0] if logarithm else code(_call("log", base), library, names)
    return f"{library}.exp(({code(exponent, library, names)}) * {log})", _TIGHT


def safe_names(names: list[str], taken: set[str]) -> dict[str, str]:
    """A person's names as names in a script: one that Python or the script already uses gets an underscore."""
    found: dict[str, str] = {}
    for name in names:
        chosen = name
        while keyword.iskeyword(chosen) or chosen in taken or chosen in found.values():
            chosen += "_"
        found[name] = chosen
    return found


# derivatives


def derivative(node: Node, name: str) -> Node:
    """The derivative of a formula by one of its names, with the zeros and ones left out."""
    if node.constant is not None:
        return _number(0.0)
    if not node.operation:
        return _number(1.0 if node.name == name else 0.0)
    inner = [derivative(part, name) for part in node.parts]
    u, du = node.parts[0], inner[0]
    if node.operation == "negate":
        return _minus(_number(0.0), du)
    if len(node.parts) == 1:
        return _times(_outer(node.operation, u), du)
    v, dv = node.parts[1], inner[1]
    match node.operation:
        case "+":
            return _plus(du, dv)
        case "-":
            return _minus(du, dv)
        case "*":
            return _plus(_times(du, v), _times(u, dv))
        case "/":
            return _over(_minus(du, _times(_over(u, v), dv)), v)
        case "^" if v.constant is not None:
            return _times(_times(v, _power(u, v.constant - 1.0)), du)
        case "^":
            return _times(node, _plus(_times(dv, _call("log", u)), _times(v, _over(du, u))))
    # where the smaller (or larger) of two is taken, the other one does not move it
    share = _half(_plus(_number(1.0), _call("sign", _minus(v, u) if node.operation == "min" else _minus(u, v))))
    return _plus(_times(share, du), _times(_minus(_number(1.0), share), dv))


def _outer(function: str, u: Node) -> Node:
    """The derivative of a function of one number at u."""
    one, square = _number(1.0), _power(u, 2.0)
    match function:
        case "abs":
            return _call("sign", u)
        case "sign":
            return _number(0.0)
        case "sqrt":
            return _over(_number(0.5), _call("sqrt", u))
        case "exp":
            return _call("exp", u)
        case "log" | "ln":
            return _over(one, u)
        case "log2" | "log10":
            return _over(_number(1.0 / math.log(2.0 if function == "log2" else 10.0)), u)
        case "sin":
            return _call("cos", u)
        case "cos":
            return _minus(_number(0.0), _call("sin", u))
        case "tan":
            return _plus(one, _power(_call("tan", u), 2.0))
        case "asin":
            return _over(one, _call("sqrt", _minus(one, square)))
        case "acos":
            return _over(_number(-1.0), _call("sqrt", _minus(one, square)))
        case "atan":
            return _over(one, _plus(one, square))
        case "sinh":
            return _call("cosh", u)
        case "cosh":
            return _call("sinh", u)
        case "tanh":
            return _minus(one, _power(_call("tanh", u), 2.0))
    raise ValueError(f"no script knows the derivative of {function}")


def _number(value: float) -> Node:
    return Node(_HERE, constant=value)


def _call(operation: str, *parts: Node) -> Node:
    return Node(_HERE, operation=operation, parts=parts)


def _plus(u: Node, v: Node) -> Node:
    if u.constant is not None and v.constant is not None:
        return _number(u.constant + v.constant)
    if u.constant == 0.0:
        return v
    return u if v.constant == 0.0 else _call("+", u, v)


def _minus(u: Node, v: Node) -> Node:
    if u.constant is not None and v.constant is not None:
        return _number(u.constant - v.constant)
    if v.constant == 0.0:
        return u
    return _call("negate", v) if u.constant == 0.0 else _call("-", u, v)


def _times(u: Node, v: Node) -> Node:
    if u.constant is not None and v.constant is not None:
        return _number(u.constant * v.constant)
    if 0.0 in (u.constant, v.constant):
        return _number(0.0)
    if u.constant == 1.0:
        return v
    return u if v.constant == 1.0 else _call("*", u, v)


def _over(u: Node, v: Node) -> Node:
    return u if u.constant == 0.0 or v.constant == 1.0 else _call("/", u, v)


def _half(u: Node) -> Node:
    return _call("/", u, _number(2.0))


def _power(u: Node, exponent: float) -> Node:
    if exponent == 0.0:
        return _number(1.0)
    return u if exponent == 1.0 else _call("^", u, _number(exponent))
