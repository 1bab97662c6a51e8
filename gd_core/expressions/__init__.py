r"""A person's formula made into a safe function of x and y, with its exact gradient.

    expression = Expression("x^2 + 3*y^2")
    expression(1.0, 2.0), expression.gradient((1.0, 2.0)), expression.latex

The text is read by a parser for arithmetic alone (`parsing`): numbers, the given names, ``+ - * / ** ^`` (the
last two both mean power), brackets, and the functions of `FUNCTIONS`. There is no other syntax to refuse: no attribute,
text, index, comparison, keyword or call of anything else can be written down, and what a person typed is never executed
as Python. The tree becomes a program (`forms`) for the compiled stack machine of `gd_core.machine`.

Precedence is Python's: ``-x^2`` is -(x^2), and ``2^3^2`` is 2^(3^2). A constant exponent may be any number between -64
and 64; a variable exponent means exp(exponent * log(base)), so it needs a base of at least 0. ``log`` is the natural
logarithm. Where a formula has no value, evaluation gives NaN or an infinity and never an exception or a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

import gd_core.opcodes as op
from gd_core.expressions.forms import instructions, latex, program, quadratic_terms
from gd_core.expressions.parsing import CONSTANTS, FUNCTIONS, ExpressionError, Node, parse
from gd_core.losses import half_squared_error, half_squared_error_derivative
from gd_core.problem import Kernel, Matrix, Vector

__all__ = ["CONSTANTS", "FUNCTIONS", "Expression", "ExpressionError"]

_NAMES = ("x", "y")
_NO_NOISE = np.zeros((1, 2))
_NO_TARGETS = np.zeros(1)


@dataclass(frozen=True)
class Expression:
    """A formula in x and y, checked when it is made; raises ExpressionError with the place.

    Calling it with x and y (numbers or arrays, broadcast against each other) evaluates it.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.variables:
            raise ExpressionError("A formula needs x or y in it.", self.text, self.tree.position)

    @cached_property
    def tree(self) -> Node:
        return parse(self.text)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Which of x and y the formula depends on."""
        names = {_NAMES[int(operand)] for code, operand in self._instructions if code == op.LOAD}
        return frozenset(names)

    @cached_property
    def _instructions(self) -> list[tuple[float, float]]:
        return list(instructions(self.tree, {"x": 0, "y": 1}))

    @cached_property
    def program(self) -> Vector:
        """The program for `gd_core.machine`."""
        return program(self._instructions)

    @property
    def latex(self) -> str:
        """The formula as LaTeX, as it was read."""
        return latex(self.tree)

    @cached_property
    def quadratic(self) -> tuple[Matrix, Vector, float] | None:
        """(H, b, c) with the formula equal to theta'H theta / 2 - b'theta + c, or None for any other formula."""
        terms = quadratic_terms(self.tree)
        if terms is None or not all(map(math.isfinite, terms.values())):
            return None
        xx, xy, yy, x, y, c = (terms.get(key, 0.0) for key in ((2, 0), (1, 1), (0, 2), (1, 0), (0, 1), (0, 0)))
        return np.array([[2 * xx, xy], [xy, 2 * yy]]), np.array([-x, -y]), c

    def kernel(self, noise: Matrix = _NO_NOISE) -> Kernel:
        """The parts for the loop; an update adds the mean of the rows of ``noise`` (n_samples, 2) that it reads."""
        from gd_core.machine import formula_gradient, formula_value

        return Kernel(
            gradient=formula_gradient,
            value=formula_value,
            derivative=half_squared_error_derivative,
            loss=half_squared_error,
            X=noise,
            y=_NO_TARGETS,
            constants=self.program,
            n_samples=noise.shape[0],
        )

    def __call__(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The values at x and y, in the shape that the two broadcast to; NaN or an infinity where there is none."""
        xs, ys = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        values = self.kernel().values(np.column_stack([xs.ravel(), ys.ravel()]))
        return values.reshape(xs.shape)

    def gradient(self, theta: npt.ArrayLike) -> Vector:
        """The exact gradient at theta = (x, y), shape (2,); NaN where the formula has no value."""
        return self.kernel().gradient_at(np.array(theta, dtype=np.float64))
