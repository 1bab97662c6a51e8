"""The textbook's descent and the same model in PyTorch, as programs with a person's numbers, and what they print.

    numbers = Numbers(X=((1, 2), (2, 3), (3, 4)), y=(2, 4, 6))
    print(textbook_snippet(numbers), pytorch_snippet(numbers, Settings(bias=False, halved=True)))

The numbers enter a program as numbers alone. PyTorch itself is not needed: `pytorch_printed` works its answer out in
NumPy, and the tests run every program for real.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gd_core.checks import number, require, whole_number
from gd_core.datasets import Dataset
from gd_core.descent import Budget, Run, Variant, descend
from gd_core.export.pieces import block
from gd_core.export.pieces import number as code_of
from gd_core.regression import Regression
from gd_core.schedules import Constant
from gd_core.textbook import gradient_descent

Array = npt.NDArray[np.float64]

# enough to try an idea by hand; more belongs into a file
MOST_ROWS, MOST_COLUMNS = 50, 6
# the plain loop takes about 4 microseconds an iteration, and a page should answer in 50 milliseconds
MOST_ITERATIONS = 10_000
LARGEST = 1e9
_SHOWN = 20
_NUMERAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def _checked(name: str, values: Iterable[Any]) -> Iterable[float]:
    for value in values:
        found = number(name, value)
        require(abs(found) <= LARGEST, "{} must hold numbers of at most {:g} in size, got {:g}", name, LARGEST, found)
        yield found


def _count(numbers: int) -> str:
    return "1 number" if numbers == 1 else f"{numbers} numbers"


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What the textbook's function takes: rows of features, targets, a learning rate and a number of iterations.

    Raises ValueError for rows of unequal length, for another number of targets than rows, and for numbers that are not
    finite or beyond the bounds of this module.
    """

    X: tuple[tuple[float, ...], ...] = ((1.0, 2.0), (2.0, 3.0), (3.0, 4.0))
    y: tuple[float, ...] = (2.0, 4.0, 6.0)
    learning_rate: float = 0.01
    num_iterations: int = 1000

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", tuple(tuple(_checked("X", row)) for row in self.X))
        object.__setattr__(self, "y", tuple(_checked("y", self.y)))
        object.__setattr__(self, "learning_rate", number("learning_rate", self.learning_rate))
        object.__setattr__(self, "num_iterations", whole_number("num_iterations", self.num_iterations))
        rows, columns = len(self.X), len(self.X[0]) if self.X else 0
        require(1 <= rows <= MOST_ROWS, "X must have between 1 and {} rows, got {:,}", MOST_ROWS, rows)
        require(1 <= columns <= MOST_COLUMNS, "X must have between 1 and {} columns, got {:,}", MOST_COLUMNS, columns)
        for i, row in enumerate(self.X):
            require(
                len(row) == columns, "X must have {} in every row, got {:,} in row {}", _count(columns), len(row), i + 1
            )
        require(len(self.y) == rows, "y must have as many numbers as X has rows ({}), got {:,}", rows, len(self.y))
        require(self.learning_rate > 0, "learning_rate must be positive, got {!r}", self.learning_rate)
        require(
            1 <= self.num_iterations <= MOST_ITERATIONS,
            "num_iterations must be between 1 and {:,}, got {:,}",
            MOST_ITERATIONS,
            self.num_iterations,
        )


EXAMPLE = Numbers()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the PyTorch program changes: half the learning rate, and whether `nn.Linear` keeps its bias."""

    halved: bool = False
    bias: bool = True

    def rate(self, numbers: Numbers) -> float:
        """The learning rate that `optim.SGD` is given."""
        return numbers.learning_rate / 2 if self.halved else numbers.learning_rate


# What PyTorch 2.13 printed for the example; a test runs the programs again.
PRINTED = {
    Settings(halved=False, bias=True): "weights 1.28127697 0.68189377\nbias -0.59938319",
    Settings(halved=True, bias=True): "weights 1.13880747 0.72356779\nbias -0.41523968",
    Settings(halved=False, bias=False): "weights 1.46888157 0.36806532",
    Settings(halved=True, bias=False): "weights 1.15279107 0.58711619",
}


def matrix_from(text: str) -> tuple[tuple[float, ...], ...]:
    """Rows of numbers from a text: a line, or a pair of brackets, is a row. Raises ValueError that says what and where.

    Numbers are parted by commas, semicolons or spaces, and have a decimal point: "1, 2.5" and "[[1, 2.5], [2, 3]]".
    """
    rows = [row for row in re.split(r"\n|\]", text) if row.strip(" \t\r,;[")]
    require(len(rows) > 0, "X has no numbers yet: write one row a line, such as 1, 2")
    require(len(rows) <= MOST_ROWS, "X must have at most {} rows, got {:,}", MOST_ROWS, len(rows))
    return tuple(_numerals(row, f"row {i} of X") for i, row in enumerate(rows, start=1))


def vector_from(text: str) -> tuple[float, ...]:
    """Numbers from a text, in one line or in several. Raises ValueError that says what and where."""
    found = _numerals(text, "y")
    require(len(found) > 0, "y has no numbers yet: write one for each row of X, such as 2, 4, 6")
    return found


def _numerals(text: str, where: str) -> tuple[float, ...]:
    values = []
    for position, word in enumerate(re.split(r"[\s,;\[\]]+", text.strip(" \t\r\n,;[]")), start=1):
        if not word:
            continue
        shown = word if len(word) <= _SHOWN else word[: _SHOWN - 1] + "…"
        require(
            _NUMERAL.fullmatch(word) is not None and len(word) <= 40,
            "{!r} in {}, place {}, is no number: write numbers such as 2, -0.5 or 1e-3, parted by commas or spaces",
            shown,
            where,
            position,
        )
        values.append(float(word))
        require(
            abs(values[-1]) <= LARGEST,
            "{} in {}, place {}, is too large: numbers may be {:g} in size",
            shown,
            where,
            position,
            LARGEST,
        )
    return tuple(values)


# the textbook


def _rows(numbers: Numbers) -> str:
    return "[" + ", ".join(_row(row) for row in numbers.X) + "]"


def _row(values: Iterable[float]) -> str:
    return "[" + ", ".join(code_of(value) for value in values) + "]"


def textbook_snippet(numbers: Numbers) -> str:
    """The textbook's function, as the engine's own source has it, and a call with the numbers."""
    return "\n\n".join(
        [
            "import numpy as np\nimport numpy.typing as npt\n",
            inspect.getsource(gradient_descent),
            f"X = {_rows(numbers)}\n"
            f"y = {_row(numbers.y)}\n"
            f"theta = gradient_descent(X, y, learning_rate={code_of(numbers.learning_rate)}, "
            f"num_iterations={numbers.num_iterations})\n"
            "print(theta)\n",
        ]
    )


def textbook_theta(numbers: Numbers) -> Array:
    """What the textbook's function returns, (n_features,); infinite or no number where it diverged, without a warning.

    The function does not look where it goes: unlike `descend` it iterates to the end whatever happens.
    """
    with np.errstate(all="ignore"):
        return gradient_descent(numbers.X, numbers.y, numbers.learning_rate, numbers.num_iterations)


# PyTorch


def pytorch_snippet(numbers: Numbers, settings: Settings = Settings()) -> str:
    """The same model as people write it in PyTorch: `nn.Linear`, `MSELoss`, and `optim.SGD` over all rows at once."""
    half = "  # half of the textbook's" if settings.halved else ""
    columns = len(numbers.X[0])
    lines = block(f"""
        import torch
        from torch import nn

        X = torch.tensor({_rows(numbers)}, dtype=torch.float64)
        y = torch.tensor([{", ".join(_row([value]) for value in numbers.y)}], dtype=torch.float64)

        model = nn.Linear({columns}, 1{"" if settings.bias else ", bias=False"}, dtype=torch.float64)
        for parameter in model.parameters():
            nn.init.zeros_(parameter)  # left alone, it starts at random
        loss_function = nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr={code_of(settings.rate(numbers))}){half}

        for _ in range({numbers.num_iterations}):
            optimizer.zero_grad()
            loss = loss_function(model(X), y)  # all rows: nothing stochastic here
            loss.backward()
            optimizer.step()

        print("weights", *(f"{{value:.8f}}" for value in model.weight.flatten().tolist()))
    """)
    if settings.bias:
        lines += '\nprint("bias", f"{model.bias.item():.8f}")'
    return lines + "\n"


def pytorch_theta(numbers: Numbers, settings: Settings) -> tuple[Array, float | None]:
    """The weights (n_features,) and the bias that the PyTorch program ends with, worked out in NumPy.

    `MSELoss` has twice the textbook's gradient, and a bias is the weight of a column of ones.
    """
    X = np.array(numbers.X)
    columns = np.column_stack([X, np.ones(len(X))]) if settings.bias else X
    with np.errstate(all="ignore"):
        theta = gradient_descent(columns, numbers.y, 2 * settings.rate(numbers), numbers.num_iterations)
    return (theta[:-1], float(theta[-1])) if settings.bias else (theta, None)


def pytorch_printed(numbers: Numbers, settings: Settings) -> str:
    """What the PyTorch program prints: for the example as PyTorch itself did, for other numbers worked out."""
    if numbers == EXAMPLE:
        return PRINTED[settings]
    weights, bias = pytorch_theta(numbers, settings)
    lines = ["weights " + " ".join(f"{value:.8f}" for value in weights)]
    return "\n".join(lines if bias is None else [*lines, f"bias {bias:.8f}"])


# the same two descents by the engine, which records them


def textbook_run(numbers: Numbers) -> Run:
    """The textbook's descent, recorded: half squared error, no intercept, no scaling."""
    return _run(numbers, "half_squared_error", numbers.learning_rate, intercept=False)


def pytorch_run(numbers: Numbers, settings: Settings) -> Run:
    """The PyTorch program's descent, recorded: squared error, with an intercept in front where there is a bias."""
    return _run(numbers, "squared_error", settings.rate(numbers), intercept=settings.bias)


def measured_alike(run: Run) -> Run:
    """The same path, its loss measured as half squared error whatever loss it descended."""
    return replace(run, problem=replace(run.problem, loss="half_squared_error"))  # type: ignore[type-var]


def _run(numbers: Numbers, loss: str, rate: float, *, intercept: bool) -> Run:
    data = Dataset(np.array(numbers.X), np.array(numbers.y), name="your numbers")
    problem = Regression(data, loss=loss, scaling="none", intercept=intercept)
    return descend(problem, Variant(schedule=Constant(rate)), Budget(updates=numbers.num_iterations))


def weights_apart(textbook: Run, pytorch: Run) -> tuple[float, float]:
    """The largest difference between the two descents' weights: at the end, and at any update both recorded.

    A bias is left out: the textbook's function has none.
    """
    skipped = pytorch.problem.n_params - textbook.problem.n_params
    _, first, second = np.intersect1d(textbook.updates, pytorch.updates, return_indices=True)
    differences = np.abs(textbook.theta[first] - pytorch.theta[second][:, skipped:]).max(axis=1)
    final = np.abs(textbook.final - pytorch.final[skipped:]).max()
    return float(final), float(differences.max())
