r"""Update rules: what is done with a gradient.

A rule is one small step function and one frozen dataclass of its hyperparameters. The step changes ``theta`` and
``state`` in place:

    step(theta, gradient, state, hyper, update, rate)

``theta`` and ``gradient`` are (n_params,); ``state`` is (slots, n_params) and zero before the first update; ``hyper``
holds the dataclass's fields in order, as floats (a pair takes two places); ``update`` counts from 1; ``rate`` is the schedule's learning rate.
Naming the step in the class line registers the rule, and it appears in every menu, table and export:

    def heavy_ball(theta, gradient, state, hyper, update, rate): ...

    @dataclass(frozen=True, kw_only=True)
    class HeavyBall(Rule, step=heavy_ball, slots=1):
        beta: float = setting(0.9, least=0, below=1)

Hyperparameters are named, defaulted and meant as in ``torch.optim`` where it has the rule. The learning rate is not one
of them: it belongs to the schedule. The step is compiled by Numba, so it uses only arithmetic, loops and ``math``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gd_core.checks import check_settings, require, setting

Step = Callable[..., None]
RULES: dict[str, type[Rule]] = {}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The base of all rules: checks its fields, and hands them to the step as an array."""

    step: ClassVar[Step]
    slots: ClassVar[int] = 0
    slot_names: ClassVar[tuple[str, ...]] = ()
    # False for a step that Numba cannot compile, such as one that a person typed in
    compiled: ClassVar[bool] = True

    def __init_subclass__(
        cls, *, step: Step | None = None, slots: int = 0, slot_names: tuple[str, ...] = (), register: bool = True
    ) -> None:
        super().__init_subclass__()
        if step is not None:
            cls.step = staticmethod(step)
            cls.slots = max(slots, len(slot_names))
            cls.slot_names = slot_names or tuple(f"state {i + 1}" for i in range(slots))
            if register:
                RULES[cls.__name__] = cls

    def __post_init__(self) -> None:
        check_settings(self)
        self.check()

    def check(self) -> None:
        """Requirements between fields, beyond the range of each; raises ValueError."""

    def hyper(self) -> npt.NDArray[np.float64]:
        """The fields in order, pairs laid out flat, as floats, and a closing 0 so that it is never empty."""
        values = [np.atleast_1d(getattr(self, field.name)) for field in dataclasses.fields(self)]
        return np.concatenate([*values, np.zeros(1)]).astype(np.float64)

    def state(self, n_params: int) -> npt.NDArray[np.float64]:
        """The state before the first update: zeros, shape (slots, n_params); at least one row."""
        return np.zeros((max(self.slots, 1), n_params))

    @property
    def title(self) -> str:
        """What the pages call it: the name, and what differs from the defaults."""
        changed = [
            f"{field.name}={_short(getattr(self, field.name))}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        ]
        return self.name + (f" ({', '.join(changed)})" if changed else "")

    @property
    def name(self) -> str:
        """The rule's name, in the pages' words."""
        return type(self).__name__


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


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


def adam(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Momentum over a running root mean square, both corrected for their start at zero."""
    beta1, beta2, eps, weight_decay = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = state[0], state[1]
    correction1 = 1.0 - beta1**update
    correction2 = math.sqrt(1.0 - beta2**update)
    for j in range(theta.size):
        g = gradient[j] + weight_decay * theta[j]
        first[j] += (1.0 - beta1) * (g - first[j])
        second[j] = beta2 * second[j] + (1.0 - beta2) * g * g
        theta[j] -= rate / correction1 * first[j] / (math.sqrt(second[j]) / correction2 + eps)


@dataclass(frozen=True, kw_only=True)
class Adam(Rule, step=adam, slot_names=("first moment", "second moment")):
    r"""m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  theta <- theta - eta m^ / (sqrt(v^) + eps).

    m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t) correct for the start at zero.

    Kingma and Ba, 2015; the convention is ``torch.optim.Adam``.
    """

    betas: tuple[float, float] = setting((0.9, 0.999), least=0, below=1, help="memory of the first and second moment")
    eps: float = setting(1e-8, least=0, help="keeps the division away from zero")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")
