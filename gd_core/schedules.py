r"""The learning rate as a function of the update.

A schedule is a frozen dataclass with one method, ``rates(updates, total, per_epoch)``: the learning rate that each
update uses, for update indices counted from 0 (so the first update uses t = 0). Where a schedule has ``per``, t counts
updates or whole epochs, as one calls ``scheduler.step()`` after every update or after every epoch in PyTorch.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gd_core.checks import check_settings, require, setting

Rates = npt.NDArray[np.float64]
Updates = npt.NDArray[np.int64]
SCHEDULES: dict[str, type[Schedule]] = {}


@dataclass(frozen=True)
class Schedule:
    """The base of all schedules; naming one by subclassing registers it."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.__name__.startswith("_"):
            SCHEDULES[cls.__name__] = cls

    def __post_init__(self) -> None:
        check_settings(self)
        per = getattr(self, "per", "update")
        require(per in ("update", "epoch"), "per must be 'update' or 'epoch', got {!r}", per)
        self.check()

    def check(self) -> None:
        """Requirements between fields, beyond the range of each; raises ValueError."""

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        """The learning rate of each update, shape (k,).

        ``updates`` (k,) counts from 0; ``total`` is the run's budget in updates and ``per_epoch`` the updates of one
        epoch.
        """
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What the pages call it."""
        return f"{type(self).__name__}({getattr(self, 'learning_rate', '')})"


def _count(updates: Updates, per_epoch: int, per: str) -> Updates:
    return updates // per_epoch if per == "epoch" else updates


@dataclass(frozen=True)
class Constant(Schedule):
    """eta_t = eta."""

    learning_rate: float = setting(0.1, above=0, help="the length of a step, as a multiple of the gradient")

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        return np.full(updates.shape, self.learning_rate)

    @property
    def title(self) -> str:
        return f"constant {self.learning_rate:g}"


@dataclass(frozen=True)
class StepDecay(Schedule):
    r"""eta_t = eta * factor^floor(t / every). The convention is ``torch.optim.lr_scheduler.StepLR``."""

    learning_rate: float = setting(0.1, above=0, help="the rate at the start")
    _: KW_ONLY
    factor: float = setting(0.5, above=0, most=1, help="what the rate is multiplied with at each step down")
    every: int = setting(5, least=1, help="how many updates or epochs between two steps down")
    per: Literal["update", "epoch"] = "epoch"

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        return self.learning_rate * self.factor ** (_count(updates, per_epoch, self.per) // self.every).astype(float)

    @property
    def title(self) -> str:
        return f"step {self.learning_rate:g} x {self.factor:g} every {self.every} {self.per}s"


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    r"""eta_t = eta * factor^t. The convention is ``torch.optim.lr_scheduler.ExponentialLR``."""

    learning_rate: float = setting(0.1, above=0, help="the rate at the start")
    _: KW_ONLY
    factor: float = setting(0.95, above=0, most=1, help="what the rate is multiplied with each time")
    per: Literal["update", "epoch"] = "epoch"

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        return self.learning_rate * self.factor ** _count(updates, per_epoch, self.per).astype(float)

    @property
    def title(self) -> str:
        return f"exponential {self.learning_rate:g} x {self.factor:g} per {self.per}"


@dataclass(frozen=True)
class InverseScaling(Schedule):
    r"""eta_t = eta / (t + 1)^power. The convention is scikit-learn's ``learning_rate="invscaling"``."""

    learning_rate: float = setting(0.1, above=0, help="the rate at the start")
    _: KW_ONLY
    power: float = setting(0.25, least=0, help="0.5 to 1 lets stochastic descent settle")
    per: Literal["update", "epoch"] = "update"

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        counted = _count(updates, per_epoch, self.per).astype(np.float64)
        return np.asarray(self.learning_rate / (counted + 1.0) ** self.power, dtype=np.float64)

    @property
    def title(self) -> str:
        return f"inverse scaling {self.learning_rate:g} / t^{self.power:g}"


@dataclass(frozen=True)
class Cosine(Schedule):
    r"""eta_t = low + (eta - low) (1 + cos(pi t / T)) / 2, with T the run's updates.

    Loshchilov and Hutter, 2017; the convention is ``torch.optim.lr_scheduler.CosineAnnealingLR`` with ``T_max`` the
    number of updates.
    """

    learning_rate: float = setting(0.1, above=0, help="the rate at the start")
    _: KW_ONLY
    low: float = setting(0.0, least=0, help="the rate at the end")

    def check(self) -> None:
        require(
            self.low <= self.learning_rate,
            "low must be at most learning_rate ({}), got {!r}",
            self.learning_rate,
            self.low,
        )

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        wave = np.cos(np.pi * updates / max(total, 1))
        return np.asarray(self.low + 0.5 * (self.learning_rate - self.low) * (1.0 + wave), dtype=np.float64)

    @property
    def title(self) -> str:
        return f"cosine {self.learning_rate:g} to {self.low:g}"


@dataclass(frozen=True)
class WarmupCosine(Schedule):
    r"""eta_t = eta (t + 1) / w while t < w; from there a cosine from eta to low over the other T - w updates.

    w = ceil(warmup * T). The warm-up follows Goyal et al., 2017; the cosine follows Loshchilov and Hutter, 2017.
    """

    learning_rate: float = setting(0.1, above=0, help="the highest rate, at the end of the warm-up")
    _: KW_ONLY
    warmup: float = setting(0.1, least=0, below=1, help="share of the run in which the rate rises")
    low: float = setting(0.0, least=0, help="the rate at the end")

    def check(self) -> None:
        require(
            self.low <= self.learning_rate,
            "low must be at most learning_rate ({}), got {!r}",
            self.learning_rate,
            self.low,
        )

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        rising = int(np.ceil(self.warmup * total))
        share = (updates - rising) / max(total - rising, 1)
        falling = self.low + 0.5 * (self.learning_rate - self.low) * (1.0 + np.cos(np.pi * np.maximum(share, 0.0)))
        return np.where(updates < rising, self.learning_rate * (updates + 1.0) / max(rising, 1), falling)

    @property
    def title(self) -> str:
        return f"warm-up and cosine {self.learning_rate:g}"


@dataclass(frozen=True)
class _Search(Schedule):
    """A rate that is found at each update from the loss itself, for plain batch descent."""

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        """The first rate that is tried; the loop goes on from there."""
        return np.full(updates.shape, getattr(self, "learning_rate", 1.0))


@dataclass(frozen=True)
class LineSearch(_Search):
    r"""Armijo backtracking: the largest r = eta shrink^k, k = 0, 1, ..., with f(theta - r g) <= f(theta) - c r g'g.

    c is ``sufficient``. On a quadratic loss the decrease is known in closed form, r g'g - r^2 g'Hg / 2. On any other,
    where the two losses agree to twelve digits and rounding hides the decrease, a step counts if the loss still falls
    at its end (as in Hager and Zhang, 2005, the slopes are compared instead of the values).
    The run has converged where no step lowers the loss; on the absolute error that can be a kink above the minimum.
    Needs the full gradient and the plain rule. Armijo, 1966; Nocedal and Wright, 2006, algorithm 3.1.
    """

    learning_rate: float = setting(1.0, above=0, help="the first rate that is tried at each update")
    _: KW_ONLY
    # 0.99: closer to 1, a single update could try millions of rates
    shrink: float = setting(0.5, above=0, most=0.99, help="what a refused rate is multiplied with")
    sufficient: float = setting(1e-4, above=0, below=1, help="the share of the promised decrease that is demanded")

    @property
    def title(self) -> str:
        return f"line search from {self.learning_rate:g}"


@dataclass(frozen=True)
class ExactLineSearch(_Search):
    r"""eta = g'g / g'Hg, the minimiser along the gradient of a quadratic loss.

    Needs a quadratic loss, the full gradient and the plain rule. Cauchy, 1847.
    """

    @property
    def title(self) -> str:
        return "exact line search"
