"""Rules that step along the gradient or a velocity made of it, with one rate for all coordinates."""

from __future__ import annotations

from dataclasses import dataclass

from gd_core.checks import require, setting
from gd_core.rules.base import Rule


def sgd(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Plain descent, heavy ball or Nesterov, by PyTorch's convention: the rate multiplies the velocity."""
    momentum, dampening, nesterov, weight_decay = hyper[0], hyper[1], hyper[2], hyper[3]
    velocity = state[0]
    for j in range(theta.size):
        g = gradient[j] + weight_decay * theta[j]
        if momentum != 0.0:
            # PyTorch starts the velocity at the first gradient, without dampening
            velocity[j] = g if update == 1 else momentum * velocity[j] + (1.0 - dampening) * g
            g = g + momentum * velocity[j] if nesterov != 0.0 else velocity[j]
        theta[j] -= rate * g


@dataclass(frozen=True, kw_only=True)
class SGD(Rule, step=sgd, slot_names=("velocity",)):
    r"""Plain descent, heavy ball or Nesterov: v <- mu v + (1 - tau) g;  theta <- theta - eta v.

    With Nesterov, theta <- theta - eta (g + mu v). Without momentum, theta <- theta - eta g. The velocity starts at the
    first gradient. Weight decay adds ``weight_decay * theta`` to the gradient.

    Robbins and Monro, 1951; Polyak, 1964; Nesterov, 1983, in the form of Sutskever et al., 2013; the convention is
    ``torch.optim.SGD``.
    """

    momentum: float = setting(0.0, least=0, help="how much of the last velocity is kept; 0 is plain descent")
    dampening: float = setting(0.0, least=0, most=1, help="how much of a new gradient is left out of the velocity")
    nesterov: bool = setting(False, help="look ahead along the velocity before stepping")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")

    def check(self) -> None:
        require(
            not self.nesterov or (self.momentum > 0 and self.dampening == 0),
            "nesterov needs momentum above 0 and dampening 0, got momentum {!r} and dampening {!r}",
            self.momentum,
            self.dampening,
        )

    @property
    def name(self) -> str:
        if self.nesterov:
            return "Nesterov"
        return "momentum" if self.momentum else "plain"

    @property
    def plain(self) -> bool:
        """Whether the step is theta - rate * gradient and nothing else."""
        return self.momentum == 0 and self.weight_decay == 0
