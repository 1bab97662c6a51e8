"""Rules that read only the gradient's signs: its length does not matter."""

from __future__ import annotations

from dataclasses import dataclass

from gd_core.checks import require, setting
from gd_core.rules.base import Rule


def rprop(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Each coordinate's step grows while its gradient keeps its sign, and shrinks when the sign turns."""
    shrink, grow, shortest, longest = hyper[0], hyper[1], hyper[2], hyper[3]
    previous, size = state[0], state[1]
    for j in range(theta.size):
        g = gradient[j]
        agreement = g * previous[j]
        length = rate if update == 1 else size[j]
        if agreement > 0.0:
            length *= grow
        elif agreement < 0.0:
            length *= shrink
            # the minimum was stepped over: stay, and let the next sign count as new
            g = 0.0
        size[j] = min(max(length, shortest), longest)
        if g > 0.0:
            theta[j] -= size[j]
        elif g < 0.0:
            theta[j] += size[j]
        previous[j] = g


@dataclass(frozen=True, kw_only=True)
class Rprop(Rule, step=rprop, slot_names=("previous gradient", "step size")):
    r"""d <- clip(d * eta+, low, high) where g keeps its sign, d * eta- where it turns;  theta <- theta - d sign(g).

    (eta-, eta+) = ``etas`` and (low, high) = ``step_sizes``. Where the sign turns, the coordinate waits for one update.
    The schedule's first rate is the first step size; later rates are not read, as in PyTorch. Meant for batch descent:
    signs of sampled gradients turn by chance.

    Riedmiller and Braun, 1993, in the form without backtracking of Igel and Huesken, 2000; the convention is
    ``torch.optim.Rprop``.
    """

    etas: tuple[float, float] = setting((0.5, 1.2), above=0, help="what a step is multiplied with: sign turned, kept")
    step_sizes: tuple[float, float] = setting((1e-6, 50.0), least=0, help="the shortest and the longest step")

    def check(self) -> None:
        require(self.etas[0] < 1 < self.etas[1], "etas must be one below and one above 1, got {!r}", self.etas)
        require(
            self.step_sizes[0] <= self.step_sizes[1], "step_sizes must be in ascending order, got {!r}", self.step_sizes
        )


def lion(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """A step of the same length in every coordinate, against the sign of momentum and gradient together."""
    beta1, beta2, weight_decay = hyper[0], hyper[1], hyper[2]
    momentum = state[0]
    for j in range(theta.size):
        g = gradient[j]
        blend = beta1 * momentum[j] + (1.0 - beta1) * g
        theta[j] *= 1.0 - rate * weight_decay
        if blend > 0.0:
            theta[j] -= rate
        elif blend < 0.0:
            theta[j] += rate
        momentum[j] = beta2 * momentum[j] + (1.0 - beta2) * g


@dataclass(frozen=True, kw_only=True)
class Lion(Rule, step=lion, slot_names=("momentum",)):
    r"""theta <- theta - eta (sign(b1 m + (1 - b1) g) + lambda theta);  m <- b2 m + (1 - b2) g.

    lambda is ``weight_decay``, kept out of the momentum. Every coordinate moves by eta, so a constant rate ends in
    steps of that length around the minimum.

    Chen et al., 2023 (evolved sign momentum), algorithm 2.
    """

    betas: tuple[float, float] = setting((0.9, 0.99), least=0, below=1, help="memory in the step and in the momentum")
    weight_decay: float = setting(0.0, least=0, help="the share of every parameter that a step of rate 1 takes off")
