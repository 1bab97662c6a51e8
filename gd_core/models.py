r"""The models: how parameters and features make a prediction, and the compiled gradient of each.

A model gives, for one regression, its parameter names, its start, its predictions (NumPy) and two compiled parts, a
value and a gradient over the rows of an update, with the signatures of `gd_core.compiled`. ``constants`` carries

    constants[0]  the loss's parameter           constants[1]  l2
    constants[2]  the first penalised parameter  constants[3]  c of a quadratic loss, c r^2 / 2
    constants[4]  the hidden width of the mlp
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gd_core.compiled import Part

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


def quadratic_gradient(theta, X, y, rows, derivative, constants, out):  # type: ignore[no-untyped-def]
    """H theta - b, with H in the place of X and b in the place of y; no row is read."""
    n = theta.size
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += X[i, j] * theta[j]
        out[i] = total - y[i]


def quadratic_value(theta, X, y, rows, loss, constants):  # type: ignore[no-untyped-def]
    """theta'H theta / 2 - b'theta: the objective less its value at zero."""
    n = theta.size
    total = 0.0
    for i in range(n):
        product = 0.0
        for j in range(n):
            product += X[i, j] * theta[j]
        total += theta[i] * (0.5 * product - y[i])
    return total


def linear_squared_gradient(theta, X, y, rows, derivative, constants, out):  # type: ignore[no-untyped-def]
    """c X'(X theta - y) / m + l2 theta over the given rows."""
    n = theta.size
    whole = n - n % 4
    scale = constants[3] / rows.size
    for j in range(n):
        out[j] = 0.0
    for k in range(rows.size):
        # X[i, j] and not a slice of X, which would be counted in and out of use; four sums side by side, because a
        # single one would wait for each addition
        i = rows[k]
        s0 = -y[i]
        s1 = s2 = s3 = 0.0
        if whole < n:
            s1 = X[i, whole] * theta[whole]
            if whole + 1 < n:
                s2 = X[i, whole + 1] * theta[whole + 1]
                if whole + 2 < n:
                    s3 = X[i, whole + 2] * theta[whole + 2]
        for j in range(0, whole, 4):
            s0 += X[i, j] * theta[j]
            s1 += X[i, j + 1] * theta[j + 1]
            s2 += X[i, j + 2] * theta[j + 2]
            s3 += X[i, j + 3] * theta[j + 3]
        slope = ((s0 + s1) + (s2 + s3)) * scale
        for j in range(n):
            out[j] += slope * X[i, j]
    for j in range(int(constants[2]), n):
        out[j] += constants[1] * theta[j]


def linear_gradient(theta, X, y, rows, derivative, constants, out):  # type: ignore[no-untyped-def]
    """X' loss'(X theta - y) / m + l2 theta over the given rows, for any loss."""
    n = theta.size
    whole = n - n % 4
    for j in range(n):
        out[j] = 0.0
    for k in range(rows.size):
        i = rows[k]
        s0 = -y[i]
        s1 = s2 = s3 = 0.0
        for j in range(0, whole, 4):
            s0 += X[i, j] * theta[j]
            s1 += X[i, j + 1] * theta[j + 1]
            s2 += X[i, j + 2] * theta[j + 2]
            s3 += X[i, j + 3] * theta[j + 3]
        for j in range(whole, n):
            s1 += X[i, j] * theta[j]
        slope = derivative((s0 + s1) + (s2 + s3), constants[0]) / rows.size
        for j in range(n):
            out[j] += slope * X[i, j]
    for j in range(int(constants[2]), n):
        out[j] += constants[1] * theta[j]


def linear_value(theta, X, y, rows, loss, constants):  # type: ignore[no-untyped-def]
    """The mean loss of X theta - y over the given rows, plus l2 |theta|^2 / 2."""
    n = theta.size
    whole = n - n % 4
    total = 0.0
    for k in range(rows.size):
        i = rows[k]
        s0 = -y[i]
        s1 = s2 = s3 = 0.0
        for j in range(0, whole, 4):
            s0 += X[i, j] * theta[j]
            s1 += X[i, j + 1] * theta[j + 1]
            s2 += X[i, j + 2] * theta[j + 2]
            s3 += X[i, j + 3] * theta[j + 3]
        for j in range(whole, n):
            s1 += X[i, j] * theta[j]
        total += loss((s0 + s1) + (s2 + s3), constants[0])
    penalty = 0.0
    for j in range(int(constants[2]), n):
        penalty += theta[j] * theta[j]
    return total / rows.size + 0.5 * constants[1] * penalty


def sinusoid_gradient(theta, X, y, rows, derivative, constants, out):  # type: ignore[no-untyped-def]
    """The gradient of the mean loss of a sin(w x) - y, with (a, w) = theta."""
    out[0] = constants[1] * theta[0]
    out[1] = constants[1] * theta[1]
    for k in range(rows.size):
        x = X[rows[k], 0]
        wave = math.sin(theta[1] * x)
        slope = derivative(theta[0] * wave - y[rows[k]], constants[0]) / rows.size
        out[0] += slope * wave
        out[1] += slope * theta[0] * x * math.cos(theta[1] * x)


def sinusoid_value(theta, X, y, rows, loss, constants):  # type: ignore[no-untyped-def]
    """The mean loss of a sin(w x) - y."""
    total = 0.0
    for k in range(rows.size):
        total += loss(theta[0] * math.sin(theta[1] * X[rows[k], 0]) - y[rows[k]], constants[0])
    return total / rows.size + 0.5 * constants[1] * (theta[0] * theta[0] + theta[1] * theta[1])


def tanh_gradient(theta, X, y, rows, derivative, constants, out):  # type: ignore[no-untyped-def]
    """The gradient of the mean loss of a tanh(w x) - y, with (a, w) = theta."""
    out[0] = constants[1] * theta[0]
    out[1] = constants[1] * theta[1]
    for k in range(rows.size):
        x = X[rows[k], 0]
        bend = math.tanh(theta[1] * x)
        slope = derivative(theta[0] * bend - y[rows[k]], constants[0]) / rows.size
        out[0] += slope * bend
        out[1] += slope * theta[0] * x * (1.0 - bend * bend)


def tanh_value(theta, X, y, rows, loss, constants):  # type: ignore[no-untyped-def]
    """The mean loss of a tanh(w x) - y."""
    total = 0.0
    for k in range(rows.size):
        total += loss(theta[0] * math.tanh(theta[1] * X[rows[k], 0]) - y[rows[k]], constants[0])
    return total / rows.size + 0.5 * constants[1] * (theta[0] * theta[0] + theta[1] * theta[1])


def mlp_gradient(theta, X, y, rows, derivative, constants, out):  # type: ignore[no-untyped-def]
    """The gradient of the mean loss of v'tanh(W x + b) + c - y, by backpropagation.

    theta lays out W row by row, then b, then v, then c.
    """
    n = X.shape[1]
    width = int(constants[4])
    biases, weights, last = width * n, width * n + width, width * n + 2 * width
    hidden = np.empty(width)
    for j in range(theta.size):
        out[j] = constants[1] * theta[j]
    for k in range(rows.size):
        i = rows[k]
        prediction = theta[last]
        for u in range(width):
            activation = theta[biases + u]
            for j in range(n):
                activation += theta[u * n + j] * X[i, j]
            hidden[u] = math.tanh(activation)
            prediction += theta[weights + u] * hidden[u]
        slope = derivative(prediction - y[i], constants[0]) / rows.size
        out[last] += slope
        for u in range(width):
            out[weights + u] += slope * hidden[u]
            back = slope * theta[weights + u] * (1.0 - hidden[u] * hidden[u])
            out[biases + u] += back
            for j in range(n):
                out[u * n + j] += back * X[i, j]


def mlp_value(theta, X, y, rows, loss, constants):  # type: ignore[no-untyped-def]
    """The mean loss of v'tanh(W x + b) + c - y."""
    n = X.shape[1]
    width = int(constants[4])
    biases, weights, last = width * n, width * n + width, width * n + 2 * width
    total = 0.0
    for k in range(rows.size):
        i = rows[k]
        prediction = theta[last]
        for u in range(width):
            activation = theta[biases + u]
            for j in range(n):
                activation += theta[u * n + j] * X[i, j]
            prediction += theta[weights + u] * math.tanh(activation)
        total += loss(prediction - y[i], constants[0])
    penalty = 0.0
    for j in range(theta.size):
        penalty += theta[j] * theta[j]
    return total / rows.size + 0.5 * constants[1] * penalty


def _linear_predict(theta: Vector, Z: Matrix, hidden: int) -> Vector:
    return np.asarray(Z @ theta)


def _sinusoid_predict(theta: Vector, Z: Matrix, hidden: int) -> Vector:
    return np.asarray(theta[0] * np.sin(theta[1] * Z[:, 0]))


def _tanh_predict(theta: Vector, Z: Matrix, hidden: int) -> Vector:
    return np.asarray(theta[0] * np.tanh(theta[1] * Z[:, 0]))


def _mlp_predict(theta: Vector, Z: Matrix, hidden: int) -> Vector:
    n = Z.shape[1]
    W = theta[: hidden * n].reshape(hidden, n)
    biases, weights = theta[hidden * n : hidden * (n + 1)], theta[hidden * (n + 1) : hidden * (n + 2)]
    return np.asarray(np.tanh(Z @ W.T + biases) @ weights + theta[-1])


def _linear_start(n_params: int, hidden: int, generator: np.random.Generator) -> Vector:
    return np.zeros(n_params)


def _wave_start(n_params: int, hidden: int, generator: np.random.Generator) -> Vector:
    """A draw from the standard normal: at zero both derivatives vanish, so descent would never leave."""
    return generator.standard_normal(n_params)


def _mlp_start(n_params: int, hidden: int, generator: np.random.Generator) -> Vector:
    """Weights with variance 1 / (inputs of the unit), biases at zero (LeCun et al., 1998)."""
    n = (n_params - 2 * hidden - 1) // hidden
    start = np.zeros(n_params)
    start[: hidden * n] = generator.standard_normal(hidden * n) / math.sqrt(n)
    start[hidden * (n + 1) : hidden * (n + 2)] = generator.standard_normal(hidden) / math.sqrt(hidden)
    return start


def _mlp_names(features: Sequence[str], hidden: int) -> tuple[str, ...]:
    units = range(1, hidden + 1)
    return (
        *(f"unit {u}: {feature}" for u in units for feature in features),
        *(f"unit {u}: bias" for u in units),
        *(f"output: unit {u}" for u in units),
        "output: bias",
    )


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A model's parts; see the module's text for the signatures."""

    name: str
    title: str
    formula: str
    gradient: Part
    value: Part
    predict: Callable[[Vector, Matrix, int], Vector]
    start: Callable[[int, int, np.random.Generator], Vector]
    names: Callable[[Sequence[str], int], tuple[str, ...]]
    linear: bool = False
    n_features: int | None = None


MODELS: dict[str, Predictor] = {
    model.name: model
    for model in (
        Predictor(
            name="linear",
            title="linear",
            formula=r"\hat y = \theta_0 + \theta_1 x_1 + \dots + \theta_n x_n",
            gradient=linear_gradient,
            value=linear_value,
            predict=_linear_predict,
            start=_linear_start,
            names=lambda features, hidden: tuple(features),
            linear=True,
        ),
        Predictor(
            name="sinusoid",
            title="sinusoid",
            formula=r"\hat y = \bar y + a \sin(w x)",
            gradient=sinusoid_gradient,
            value=sinusoid_value,
            predict=_sinusoid_predict,
            start=_wave_start,
            names=lambda features, hidden: ("amplitude", "frequency"),
            n_features=1,
        ),
        Predictor(
            name="tanh",
            title="tanh",
            formula=r"\hat y = \bar y + a \tanh(w x)",
            gradient=tanh_gradient,
            value=tanh_value,
            predict=_tanh_predict,
            start=_wave_start,
            names=lambda features, hidden: ("height", "steepness"),
            n_features=1,
        ),
        Predictor(
            name="mlp",
            title="one hidden layer",
            formula=r"\hat y = \bar y + v^\top \tanh(W x + b) + c",
            gradient=mlp_gradient,
            value=mlp_value,
            predict=_mlp_predict,
            start=_mlp_start,
            names=_mlp_names,
        ),
    )
}
