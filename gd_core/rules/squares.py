"""Rules that give each coordinate its own rate, from its squared gradients so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gd_core.checks import setting
from gd_core.rules.base import Rule


def adagrad(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Each coordinate's rate falls with the sum of its squared gradients."""
    lr_decay, weight_decay, initial_accumulator_value, eps = hyper[0], hyper[1], hyper[2], hyper[3]
    total = state[0]
    current = rate / (1.0 + (update - 1) * lr_decay)
    for j in range(theta.size):
        if update == 1:
            total[j] = initial_accumulator_value
        g = gradient[j] + weight_decay * theta[j]
        total[j] += g * g
        theta[j] -= current * g / (math.sqrt(total[j]) + eps)


@dataclass(frozen=True, kw_only=True)
class Adagrad(Rule, step=adagrad, slot_names=("sum of squares",)):
    r"""s <- s + g^2;  theta <- theta - eta / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps).

    Duchi, Hazan and Singer, 2011; the convention is ``torch.optim.Adagrad``.
    """

    lr_decay: float = setting(0.0, least=0, help="makes the rate fall as 1 / (1 + decay * updates)")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")
    initial_accumulator_value: float = setting(0.0, least=0, help="what the sum of squares starts from")
    eps: float = setting(1e-10, least=0, help="keeps the division away from zero")


def rmsprop(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Each coordinate is divided by a running root mean square of its gradients."""
    alpha, eps, weight_decay, momentum, centered = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4]
    square, velocity, mean = state[0], state[1], state[2]
    for j in range(theta.size):
        g = gradient[j] + weight_decay * theta[j]
        square[j] = alpha * square[j] + (1.0 - alpha) * g * g
        spread = square[j]
        if centered != 0.0:
            mean[j] += (1.0 - alpha) * (g - mean[j])
            # rounding can leave a variance just below zero
            spread = max(square[j] - mean[j] * mean[j], 0.0)
        scaled = g / (math.sqrt(spread) + eps)
        if momentum != 0.0:
            velocity[j] = momentum * velocity[j] + scaled
            scaled = velocity[j]
        theta[j] -= rate * scaled


@dataclass(frozen=True, kw_only=True)
class RMSprop(Rule, step=rmsprop, slot_names=("mean square", "velocity", "mean gradient")):
    r"""s <- alpha s + (1 - alpha) g^2;  theta <- theta - eta g / (sqrt(s) + eps).

    Centered: s is replaced by the variance s - m^2, with m the running mean of g. With momentum the scaled gradient
    feeds a velocity.

    Tieleman and Hinton, lecture notes, 2012; centered: Graves, 2013; the convention is ``torch.optim.RMSprop``.
    """

    alpha: float = setting(0.99, least=0, most=1, help="memory of the running mean of squares")
    eps: float = setting(1e-8, least=0, help="keeps the division away from zero")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")
    momentum: float = setting(0.0, least=0, help="how much of the last velocity is kept")
    centered: bool = setting(False, help="divide by the standard deviation instead of the root mean square")


def adadelta(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Each coordinate moves by the size of its recent moves over the size of its recent gradients."""
    rho, eps, weight_decay = hyper[0], hyper[1], hyper[2]
    square, moves = state[0], state[1]
    for j in range(theta.size):
        g = gradient[j] + weight_decay * theta[j]
        square[j] = rho * square[j] + (1.0 - rho) * g * g
        move = math.sqrt(moves[j] + eps) / math.sqrt(square[j] + eps) * g
        moves[j] = rho * moves[j] + (1.0 - rho) * move * move
        theta[j] -= rate * move


@dataclass(frozen=True, kw_only=True)
class Adadelta(Rule, step=adadelta, slot_names=("mean square", "mean square of moves")):
    r"""s <- rho s + (1 - rho) g^2;  d = sqrt(u + eps) / sqrt(s + eps) g;  u <- rho u + (1 - rho) d^2.

    theta <- theta - eta d. The move has the units of theta by itself, so eta is a plain factor; Zeiler uses 1.

    Zeiler, 2012; the convention is ``torch.optim.Adadelta``.
    """

    rho: float = setting(0.9, least=0, most=1, help="memory of the running means of squares")
    eps: float = setting(1e-6, least=0, help="sets the size of the first moves, and keeps the division away from zero")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")
