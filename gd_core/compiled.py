"""The signatures of the compiled parts, and the one place that compiles.

A part of a descent (a gradient, a value, a rule's step, a loss) is an ordinary Python function with one of the fixed
signatures below. `compile_part` turns it into a first-class compiled function: the loop takes it as an argument, so a
new part never touches the loop, and both stay in Numba's cache on disk, so that a second process does not compile.

Numba is imported on the first compilation, not with the package: menus and settings need none of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

Part = Callable[..., Any]

# scalar(residual, parameter) -> float: a loss or its derivative at one residual
SCALAR = "scalar"
# gradient(theta, X, y, rows, derivative, constants, out): writes the gradient over the given rows into out
GRADIENT = "gradient"
# value(theta, X, y, rows, loss, constants) -> float: the objective over the given rows
VALUE = "value"
# step(theta, gradient, state, hyper, update, rate): changes theta and state in place; update counts from 1
STEP = "step"

_lock = threading.RLock()


@cache
def signatures() -> dict[str, Any]:
    """Numba's signatures of the four kinds of part."""
    from numba import types

    real, whole = types.float64, types.int64
    vector, matrix = types.float64[::1], types.float64[:, ::1]
    given, table, rows = read_only_types()
    scalar = real(real, real)
    return {
        SCALAR: scalar,
        GRADIENT: types.void(vector, table, given, rows, types.FunctionType(scalar), given, vector),
        VALUE: real(vector, table, given, rows, types.FunctionType(scalar), given),
        STEP: types.void(vector, vector, matrix, given, whole, real),
    }


def read_only_types() -> tuple[Any, Any, Any]:
    """A vector, a matrix and a vector of row indices that are only read: a data set's arrays cannot be written to."""
    from numba import types

    return (
        types.Array(types.float64, 1, "C", readonly=True),
        types.Array(types.float64, 2, "C", readonly=True),
        types.Array(types.int64, 1, "C", readonly=True),
    )


def function_type(kind: str) -> Any:
    """The type of a first-class function of the given kind, for the signature of something that takes one."""
    from numba import types

    return types.FunctionType(signatures()[kind])


@cache
def _compile(function: Part, kind: str) -> Part:
    compiled = _jit(function, signatures()[kind])
    _keep_address(compiled)
    return compiled


def _keep_address(compiled: Any) -> None:
    """Let the loop find a part at once.

    Handing a compiled function to another makes Numba look up its address by symbol, which takes 25 microseconds a
    function and a call: as long as a short stretch of updates. A part never changes, so the first answer is kept.
    """
    (found,) = compiled.overloads.values()
    library = SimpleNamespace(get_pointer_to_function=cache(found.library.get_pointer_to_function))
    kept = SimpleNamespace(fndesc=found.fndesc, library=library)
    compiled.get_compile_result = lambda signature: kept


def _jit(function: Part, signature: Any) -> Part:
    from numba import njit

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        compiled: Part = njit(signature, cache=True, **options)(function)
    except RuntimeError as problem:
        # a function typed into an interpreter has no file, and so no place for a cache beside it
        if "cannot cache" not in str(problem):
            raise
        compiled = njit(signature, **options)(function)
    return compiled


def compile_part(function: Part, kind: str) -> Part:
    """The compiled form of ``function``, compiled once in a process, and cached on disk if it comes from a file."""
    with _lock:
        return _compile(function, kind)


@cache
def _compile_loop(function: Part, build_signature: Callable[[], Any]) -> Part:
    return _jit(function, build_signature())


def compile_loop(function: Part, build_signature: Callable[[], Any]) -> Part:
    """The compiled form of a function that takes parts, with the signature that ``build_signature`` returns."""
    with _lock:
        return _compile_loop(function, build_signature)
