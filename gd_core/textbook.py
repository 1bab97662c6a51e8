"""Gradient descent as a textbook writes it, in plain NumPy: what the tests hold the engine against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def gradient_descent(
    X: npt.ArrayLike, y: npt.ArrayLike, learning_rate: float = 0.01, num_iterations: int = 1000
) -> npt.NDArray[np.float64]:
    """Batch gradient descent on half the mean squared error, from zeros: theta <- theta - eta X'(X theta - y) / m.

    ``X`` (n_samples, n_features) and ``y`` (n_samples,) are used as they are: no intercept, no scaling.
    Returns theta, (n_features,).
    """
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    m = len(y)
    theta = np.zeros(X.shape[1])
    for _ in range(num_iterations):
        error = X @ theta - y
        gradient = X.T @ error / m
        theta = theta - learning_rate * gradient
    return theta
