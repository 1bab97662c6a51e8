"""The optimum against coefficients that NIST certifies to 15 digits, and the data against exact arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from nist_data import CERTIFIED, Certified

import gd_core as gd

# digits that the worst coefficient keeps, with the features as they are and standardised: measured, less about one for
# other processors. The data's own conditioning sets them; the plain formula (X'X)^-1 X'y keeps none of Filip's.
DIGITS = {
    "Norris": (12, 11),
    "Pontius": (11, 10),
    "NoInt1": (13, 13),
    "NoInt2": (13, 13),
    "Longley": (10, 12),
    "Filip": (6, 7),
    "Wampler1": (9, 8),
    "Wampler2": (12, 12),
    "Wampler3": (8, 8),
    "Wampler4": (6, 7),
    "Wampler5": (4, 5),
}


def digits(found: np.ndarray, certified: np.ndarray) -> float:
    """The log relative error of the worst coefficient, at most 15: how many digits agree."""
    error = float(np.max(np.abs(found / certified - 1)))
    return 15.0 if error == 0 else min(15.0, -float(np.log10(error)))


def regression(case: Certified, scaling: str) -> gd.Regression:
    return gd.Regression(gd.Dataset(case.X, case.y), degree=case.degree, scaling=scaling, intercept=case.intercept)


def agreement(name: str, scaling: str) -> float:
    case = CERTIFIED[name]
    problem = regression(case, scaling)
    found = np.array(list(problem.coefficients(problem.optimum.theta).values()))
    return digits(found if case.intercept else found[1:], np.array(case.coefficients))


def exact(case: Certified) -> list[Fraction]:
    """The least-squares coefficients in rational arithmetic, from the decimal digits as they are printed."""
    rows = [[Fraction(str(v)) for v in row] for row in case.X]
    if case.degree > 1:
        rows = [[row[0] ** k for k in range(1, case.degree + 1)] for row in rows]
    if case.intercept:
        rows = [[Fraction(1), *row] for row in rows]
    y = [Fraction(str(v)) for v in case.y]
    n = len(rows[0])
    system = [
        [sum(row[i] * row[j] for row in rows) for j in range(n)]
        + [sum(row[i] * t for row, t in zip(rows, y, strict=True))]
        for i in range(n)
    ]
    for i in range(n):
        system[i] = [v / system[i][i] for v in system[i]]
        for k in range(n):
            if k != i:
                system[k] = [a - system[k][i] * b for a, b in zip(system[k], system[i], strict=True)]
    return [row[-1] for row in system]


@pytest.mark.parametrize("name", CERTIFIED)
def test_the_data_written_down_are_the_certified_ones(name: str) -> None:
    found = np.array([float(v) for v in exact(CERTIFIED[name])])
    assert digits(found, np.array(CERTIFIED[name].coefficients)) > 14


@pytest.mark.parametrize("name", CERTIFIED)
def test_the_coefficients_agree(name: str) -> None:
    plain, standard = agreement(name, "none"), agreement(name, "standard")
    print(f"{name:10} digits: {plain:4.1f} as they are, {standard:4.1f} standardised")
    assert plain >= DIGITS[name][0]
    assert standard >= DIGITS[name][1]


@pytest.mark.parametrize("name", ["Norris", "NoInt1", "NoInt2", "Longley", "Wampler1"])
def test_the_residuals_are_orthogonal_to_the_features(name: str) -> None:
    case = CERTIFIED[name]
    problem = regression(case, "standard")
    gradient = problem.gradient(problem.optimum.theta)
    assert np.max(np.abs(gradient)) <= 1e-12 * np.max(np.abs(case.y))
