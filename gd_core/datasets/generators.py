"""Generated data whose truth is known.

A generator is one function of a few lines under `@generator(...)`. The features, the noise and the outliers are drawn
from three separate streams of one seed, so that more noise, or more outliers, leaves the features where they were.

    generate("linear", n_samples=500, n_features=2, condition_number=100)   # a ravine that scaling cures
    generate("correlated", n_features=2, condition_number=100)              # a ravine that scaling leaves
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gd_core.checks import require
from gd_core.datasets.dataset import Dataset

Array = NDArray[np.float64]

MAX_SAMPLES = 10_000_000
MAX_CELLS = 50_000_000  # 400 MB as float64: what fits beside the rest into 1 GB

Draw = Callable[[np.random.Generator, int, int, float], tuple[Array, Array, "Array | float"]]


@dataclass(frozen=True, kw_only=True)
class Generator:
    """One kind of generated data: what it is, its smallest number of features, and whether it takes a condition number.

    `draw(rng, n_samples, n_features, condition_number)` gives the features with shape (n_features, n_samples),
    the true target (n_samples,), and what the noise is multiplied by: one number, or one a row.
    """

    kind: str
    description: str
    minimum_features: int
    sets_condition_number: bool
    draw: Draw


GENERATORS: dict[str, Generator] = {}


def generator(
    kind: str, description: str, *, minimum_features: int = 1, sets_condition_number: bool = False
) -> Callable[[Draw], Draw]:
    """Register a drawing function in `GENERATORS` under its kind."""

    def register(draw: Draw) -> Draw:
        GENERATORS[kind] = Generator(
            kind=kind,
            description=description,
            minimum_features=minimum_features,
            sets_condition_number=sets_condition_number,
            draw=draw,
        )
        return draw

    return register


def generate(
    kind: str,
    *,
    n_samples: int = 200,
    n_features: int = 1,
    noise: float = 0.1,
    seed: int = 0,
    condition_number: float = 1.0,
    outliers: float = 0.0,
) -> Dataset:
    r"""Draw a data set of one of the kinds in `GENERATORS`, whose docstrings give the true formula.

    y = f(x) + noise * e with e standard normal: `noise` is a standard deviation in units of y (of "heteroscedastic"
    at x1 = 0). A share `outliers` of the rows, at least one row when it is positive, has its target moved up or down by
    5 to 10 standard deviations of y. `n_features` left at 1 becomes the smallest number that the kind has
    ("correlated" 2, "friedman" 5); any other number below it is an error.

    `condition_number` is that of the covariance X'X / n_samples, and is reached exactly (to rounding), by

    - "linear": uncorrelated centred features with variances from 1 down to 1 / condition_number, in equal ratios.
      Standardising the features cures it.
    - "correlated": centred features of variance 1, with the same correlation rho between any two,
      rho = (condition_number - 1) / (condition_number + n_features - 1), so that 1 means none.
      Standardising leaves it as it is.

    Both need more rows than features. The other kinds leave the features as drawn and refuse any value but 1.

    Raises ValueError naming the argument, what it must be, and what it was.
    """
    require(kind in GENERATORS, "kind must be one of {}, got {!r}", ", ".join(GENERATORS), kind)
    chosen = GENERATORS[kind]
    n_samples, n_features, seed = (
        _integer(label, value)
        for label, value in (("n_samples", n_samples), ("n_features", n_features), ("seed", seed))
    )
    if n_features == 1:
        n_features = chosen.minimum_features
    _check_request(chosen, n_samples, n_features, noise, seed, condition_number, outliers)

    for_features, for_noise, for_outliers = np.random.default_rng(seed).spawn(3)
    columns, y, spread = chosen.draw(for_features, n_samples, n_features, float(condition_number))
    y = y + noise * spread * for_noise.standard_normal(n_samples)
    if outliers > 0:
        y = _with_outliers(y, for_outliers, outliers)
    return Dataset(columns.T, y, name=kind)


def _integer(label: str, value: int) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{label} must be a whole number, got {value!r}") from None


def _check_request(
    chosen: Generator,
    n_samples: int,
    n_features: int,
    noise: float,
    seed: int,
    condition_number: float,
    outliers: float,
) -> None:
    kind, fewest = chosen.kind, chosen.minimum_features
    require(2 <= n_samples <= MAX_SAMPLES, "n_samples must be between 2 and {:,}, got {}", MAX_SAMPLES, n_samples)
    require(n_features >= fewest, "n_features must be at least {} for {!r}, got {}", fewest, kind, n_features)
    cells = n_samples * n_features
    require(cells <= MAX_CELLS, "n_samples x n_features must be at most {:,}, got {:,}", MAX_CELLS, cells)
    require(0 <= noise < math.inf, "noise must be zero or positive, got {!r}", noise)
    require(seed >= 0, "seed must be zero or positive, got {}", seed)
    require(0 <= outliers <= 0.5, "outliers must be a share between 0 and 0.5, got {!r}", outliers)
    # 1e12: beyond it, rounding in the features themselves would be as large as their smallest direction
    require(1 <= condition_number <= 1e12, "condition_number must be between 1 and 1e12, got {!r}", condition_number)
    if chosen.sets_condition_number:
        require(
            n_samples > n_features,
            "n_samples must be greater than n_features ({}) for {!r}, whose covariance has full rank, got {}",
            n_features,
            kind,
            n_samples,
        )
        require(
            n_features > 1 or condition_number == 1,
            "condition_number must be 1 with one feature, whose covariance is a single number, got {!r}",
            condition_number,
        )
    else:
        require(
            condition_number == 1,
            "condition_number must be 1 for {!r} (only 'linear' and 'correlated' can set it), got {!r}",
            kind,
            condition_number,
        )


def _with_outliers(y: Array, rng: np.random.Generator, share: float) -> Array:
    moved = rng.choice(len(y), size=max(1, round(share * len(y))), replace=False)
    shift = rng.uniform(5.0, 10.0, size=len(moved)) * rng.choice([-1.0, 1.0], size=len(moved))
    y = y.copy()
    y[moved] += shift * y.std()
    return y


def _centred_orthonormal(rng: np.random.Generator, n_samples: int, n_features: int) -> Array:
    """Rows orthonormal to one another and to the constant, shape (n_features, n_samples), from normal draws.

    Gram-Schmidt, twice for each row, after which rounding is all that is left (Giraud, Langou and Rozloznik, 2005).
    Written out because LAPACK rounds differently from one processor to the next, and data must not.
    """
    rows = np.empty((n_features + 1, n_samples))
    rows[0] = 1.0 / math.sqrt(n_samples)
    for j in range(1, n_features + 1):
        row = rng.standard_normal(n_samples)
        for _ in range(2):
            for earlier in rows[:j]:
                row -= (earlier * row).sum() * earlier
            row /= math.sqrt((row * row).sum())
        rows[j] = row
    return rows[1:]


def _weights(n_features: int) -> list[float]:
    return [3.0 * (-1) ** j / (j + 1) for j in range(n_features)]


def _weighted_sum(columns: Array) -> Array:
    """The sum of w_j x_j with w_j = 3 (-1)^(j+1) / j, in a fixed order of addition."""
    total = np.zeros(columns.shape[1])
    for weight, column in zip(_weights(len(columns)), columns, strict=True):
        total += weight * column
    return total


def _sine(values: Array) -> Array:
    """The sine to 12 decimals: the last bits differ between processors, and data must not."""
    return np.asarray(np.round(np.sin(values), 12), dtype=np.float64)


@generator("linear", "a plane through uncorrelated features, of equal or unequal variance", sets_condition_number=True)
def _linear(rng: np.random.Generator, n: int, d: int, kappa: float) -> tuple[Array, Array, float]:
    """y = 1 + sum_j w_j x_j, w_j = 3, -3/2, 3/3, -3/4, ...; x_j of mean 0 and variance kappa^(-(j-1)/(d-1))."""
    powers = np.arange(d) / max(d - 1, 1)
    scales = np.array([kappa ** (-power / 2) for power in powers.tolist()])
    columns = _centred_orthonormal(rng, n, d) * (math.sqrt(n) * scales)[:, np.newaxis]
    return columns, 1.0 + _weighted_sum(columns), 1.0


@generator(
    "correlated",
    "a plane through features that move together, which scaling cannot separate",
    minimum_features=2,
    sets_condition_number=True,
)
def _correlated(rng: np.random.Generator, n: int, d: int, kappa: float) -> tuple[Array, Array, float]:
    """y = 1 + sum_j w_j x_j, weights as for "linear"; X'X/n = (1 - rho) I + rho 11', through its symmetric square root.

    Its eigenvalues are 1 + (d - 1) rho, once, and 1 - rho, so that rho = (kappa - 1) / (kappa + d - 1).
    """
    smallest = d / (kappa + d - 1)  # 1 - rho, and kappa * smallest is the largest
    low, high = math.sqrt(smallest), math.sqrt(kappa * smallest)
    columns = _centred_orthonormal(rng, n, d) * math.sqrt(n)
    columns = low * columns + (high - low) / d * columns.sum(axis=0)
    return columns, 1.0 + _weighted_sum(columns), 1.0


@generator("polynomial", "a cubic in each feature: a straight line misses it, degree 3 meets it")
def _polynomial(rng: np.random.Generator, n: int, d: int, _: float) -> tuple[Array, Array, float]:
    """y = 1 + sum_j (x_j^3 - x_j^2 / 2 - 2 x_j) / j, x_j uniform in [-2, 2]."""
    columns = rng.uniform(-2.0, 2.0, size=(d, n))
    y = np.ones(n)
    for j, x in enumerate(columns, start=1):
        y += (x * x * x - 0.5 * x * x - 2.0 * x) / j
    return columns, y, 1.0


@generator("sinusoid", "a sine wave in each feature: smooth, bounded, and far from a straight line")
def _sinusoid(rng: np.random.Generator, n: int, d: int, _: float) -> tuple[Array, Array, float]:
    """y = sum_j sin(2 x_j) / j, x_j uniform in [-pi, pi]."""
    columns = rng.uniform(-math.pi, math.pi, size=(d, n))
    y = np.zeros(n)
    for j, x in enumerate(columns, start=1):
        y += _sine(2.0 * x) / j
    return columns, y, 1.0


@generator("heteroscedastic", "a plane whose noise grows with the first feature")
def _heteroscedastic(rng: np.random.Generator, n: int, d: int, _: float) -> tuple[Array, Array, Array]:
    """y = 1 + sum_j w_j x_j, weights as for "linear", x_j uniform in [0, 3]; the noise is multiplied by 1 + 2 x_1."""
    columns = rng.uniform(0.0, 3.0, size=(d, n))
    return columns, 1.0 + _weighted_sum(columns), 1.0 + 2.0 * columns[0]


@generator(
    "friedman",
    "Friedman's benchmark: an interaction, a curve and two lines; further features do nothing",
    minimum_features=5,
)
def _friedman(rng: np.random.Generator, n: int, d: int, _: float) -> tuple[Array, Array, float]:
    """y = 10 sin(pi x_1 x_2) + 20 (x_3 - 1/2)^2 + 10 x_4 + 5 x_5, x_j uniform in [0, 1].

    Friedman (1991), Multivariate adaptive regression splines, Annals of Statistics 19, 1-67.
    """
    columns = rng.uniform(0.0, 1.0, size=(d, n))
    x1, x2, x3, x4, x5 = columns[:5]
    centred = x3 - 0.5
    y = 10.0 * _sine(math.pi * x1 * x2) + 20.0 * centred * centred + 10.0 * x4 + 5.0 * x5
    return columns, y, 1.0
