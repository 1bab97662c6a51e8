"""The one loop: problem.gradient x sampling x rule x schedule -> Run.

`advance` does a stretch of updates and is compiled; it takes the gradient and the rule's step as first-class compiled
functions, so a new rule or model never touches it, and it releases the GIL. `descend` feeds it row orders an epoch or a
few at a time, and rates from the schedule, and makes a `Run` of what was recorded.

Plain stochastic descent on a squared loss has a fused kernel beside the general loop, `advance_plain`, because there
the indirect calls would cost more than the arithmetic. It gives the same numbers to the last bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gd_core.checks import number, require, setting, whole_number
from gd_core.compiled import GRADIENT, SCALAR, STEP, VALUE, compile_loop, compile_part, function_type, read_only_types
from gd_core.models import linear_squared_gradient, quadratic_gradient
from gd_core.problem import Kernel, Problem, Vector
from gd_core.rules import SGD, Rule
from gd_core.sampling import Batch, Sampling
from gd_core.schedules import Constant, ExactLineSearch, LineSearch, Schedule, _Search

if TYPE_CHECKING:
    import pandas

Progress = Callable[[float], None]
# 2,000 points: more than a chart is wide, and 16 kB a parameter whatever the length of the run
MOST_RECORDS = 2000
FEWEST_RECORDS = 10
# the furthest that a parameter can be and still be recorded: the square of a gradient there is still a number
UNUSABLE = 1e75
# losses of single rows that may be worked out for a record: some 40 ms
LOSSES_ALLOWED = 2_000_000
# rows that are ordered ahead: a call of the loop costs 40 microseconds whatever it does, and this many updates take
# a millisecond
ROWS_AHEAD = 65_536
# multiply-adds between two looks at the clock and at the progress callback
WORK_AHEAD = 20_000_000

# SETTLED: the gradient is small enough; ESCAPED: too far, and recorded; LOST: unusable, and not recorded;
# STUCK: a line search found no decrease
RUNNING, SETTLED, ESCAPED, LOST, STUCK = 0, 1, 2, 3, 4
# ARMIJO compares losses; on a quadratic, EXACT and QUADRATIC_ARMIJO know the decrease in closed form
NO_SEARCH, ARMIJO, EXACT, QUADRATIC_ARMIJO = 0, 1, 2, 3


class Outcome(Enum):
    """How a run ended."""

    CONVERGED = "converged"
    BUDGET_SPENT = "budget spent"
    DIVERGED = "diverged"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How far a run goes: exactly one of epochs, updates and examples, and what may stop it before.

    ``examples`` counts rows read; a run stops before the update that would read more.
    ``gradient_tolerance``: the run has converged once the norm of the full gradient is at most this;
    ``loss_tolerance``: once an epoch changes the loss by at most this. 0 switches either off. Batch descent looks at
    its gradient before every update; the others look at the full gradient after every epoch.
    ``divergence``: the run has diverged once a parameter is further than this from its start (at most `UNUSABLE`).
    Raises ValueError for anything but one unit and numbers in range.
    """

    epochs: int | None = None
    updates: int | None = None
    examples: int | None = None
    gradient_tolerance: float = 0.0
    loss_tolerance: float = 0.0
    divergence: float = 1e12

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in ("epochs", "updates", "examples")}
        chosen = {name: value for name, value in given.items() if value is not None}
        require(len(chosen) == 1, "a budget is exactly one of epochs, updates and examples, got {}", chosen or "none")
        for name, value in chosen.items():
            count = whole_number(name, value)
            require(1 <= count <= 10**12, "{} must be between 1 and 10^12, got {!r}", name, count)
            object.__setattr__(self, name, count)
        for name in ("gradient_tolerance", "loss_tolerance", "divergence"):
            value = number(name, getattr(self, name))
            require(value >= 0, "{} must be at least 0, got {!r}", name, value)
            object.__setattr__(self, name, value)
        require(self.divergence > 0, "divergence must be positive, got {!r}", self.divergence)

    @property
    def unit(self) -> str:
        """ "epochs", "updates" or "examples"."""
        return next(name for name in ("epochs", "updates", "examples") if getattr(self, name) is not None)

    @property
    def amount(self) -> int:
        """How many of the unit."""
        return int(getattr(self, self.unit))

    def updates_for(self, sampling: Sampling, n_samples: int) -> int:
        """How many updates the budget allows a sampling."""
        per_epoch = sampling.updates_per_epoch(n_samples)
        if self.unit == "updates":
            return self.amount
        if self.unit == "epochs":
            return self.amount * per_epoch
        epochs, rest = divmod(self.amount, sampling.examples_per_epoch(n_samples))
        within = rest // sampling.rows_per_update(n_samples)
        return epochs * per_epoch + within


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to descend: a sampling, a rule, a schedule, a start and a seed.

    ``start``: None is the problem's own start, "random" a draw with the seed, or a tuple with a number for each
    parameter. ``label`` is what the charts call it; without one it is described by its parts.
    """

    sampling: Sampling = Batch()
    rule: Rule = SGD()
    schedule: Schedule = Constant(0.1)
    start: str | tuple[float, ...] | None = None
    seed: int = setting(0, least=0)
    label: str | None = None

    def __post_init__(self) -> None:
        for name, kind in (("sampling", Sampling), ("rule", Rule), ("schedule", Schedule)):
            value = getattr(self, name)
            require(
                isinstance(value, kind) and type(value) is not kind,
                "{} must be a {}, such as {}, got {!r}",
                name,
                kind.__name__,
                {"sampling": "Batch()", "rule": "SGD()", "schedule": "Constant(0.1)"}[name],
                value,
            )
        object.__setattr__(self, "seed", whole_number("seed", self.seed))
        require(self.seed >= 0, "seed must be at least 0, got {!r}", self.seed)
        require(self.label is None or isinstance(self.label, str), "label must be a text or None, got {!r}", self.label)
        object.__setattr__(self, "start", _checked_start(self.start))
        if isinstance(self.schedule, _Search):
            name = type(self.schedule).__name__
            require(
                self.sampling.full,
                "{} compares losses over all rows, so it needs Batch(); on a sampled gradient a decrease on one batch "
                "promises nothing about the others, got {!r}",
                name,
                self.sampling,
            )
            require(
                isinstance(self.rule, SGD) and self.rule.plain,
                "{} searches along the gradient, so it needs the plain rule SGD(), got {!r}",
                name,
                self.rule,
            )

    @property
    def title(self) -> str:
        """The label, or the parts in words."""
        return self.label or f"{self.sampling.title}, {self.rule.title}, {self.schedule.title}"

    def start_on(self, problem: Problem) -> Vector:
        """The first theta, (n_params,)."""
        if self.start is None:
            return np.array(problem.start_for(self.seed))
        if isinstance(self.start, str):
            return np.array(problem.random_start(self.seed))
        require(
            len(self.start) == problem.n_params,
            "start must have {} numbers, one for each parameter, got {}",
            problem.n_params,
            len(self.start),
        )
        furthest = max(self.start, key=abs)
        require(abs(furthest) < UNUSABLE, "start must be within {:g}, got {!r}", UNUSABLE, furthest)
        return np.array(self.start)


def _checked_start(start: Any) -> str | tuple[float, ...] | None:
    if start is None or (isinstance(start, str) and start == "random"):
        return start
    several = not isinstance(start, (str, bytes)) and isinstance(start, Iterable)
    require(several, "start must be None, 'random' or one number for each parameter, got {!r}", start)
    return tuple(number("start", value) for value in start)


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What a descent did, at each recorded update count (k of them, the first is 0 and the last is the end).

    ``updates``, ``examples`` (k,) whole numbers; ``theta`` (k, n_params); ``learning_rate`` (k,) is the rate of the
    update that led there (of the first update, at 0). ``seconds`` is the time of the descent itself.
    ``diverged_at`` is the update after which the parameters were no longer usable, or None.
    """

    problem: Problem
    variant: Variant
    budget: Budget
    updates: npt.NDArray[np.int64]
    examples: npt.NDArray[np.int64]
    epochs: Vector
    theta: npt.NDArray[np.float64]
    learning_rate: Vector
    seconds: float
    outcome: Outcome
    diverged_at: int | None = None
    stopped_by: str = ""

    @cached_property
    def loss(self) -> Vector:
        """The objective over the training rows, (k,)."""
        return self.problem.values(self.theta)

    @cached_property
    def validation_loss(self) -> Vector | None:
        """The mean loss over the rows set aside, (k,), or None if there are none."""
        return self.problem.validation_values(self.theta)

    @cached_property
    def gradient_norm(self) -> Vector:
        """The Euclidean norm of the full gradient, (k,)."""
        return self.problem.gradient_norms(self.theta)

    @property
    def final(self) -> Vector:
        """The last theta, (n_params,)."""
        return np.array(self.theta[-1])

    @property
    def label(self) -> str:
        """What the charts call it."""
        return self.variant.title

    @cached_property
    def explanation(self) -> str:
        """One sentence on how the run ended, and why."""
        from gd_core.explanation import explain

        return explain(self)

    def updates_to(self, loss: float) -> int | None:
        """The first recorded update count with at most this loss, or None if none has."""
        reached = np.flatnonzero(self.loss <= loss)
        return int(self.updates[reached[0]]) if reached.size else None

    def to_frame(self) -> pandas.DataFrame:
        """The record as a table: one row an update count, one column a quantity and a parameter."""
        import pandas

        columns: dict[str, Any] = {
            "update": self.updates,
            "epoch": self.epochs,
            "examples": self.examples,
            "learning_rate": self.learning_rate,
            "loss": self.loss,
        }
        if self.validation_loss is not None:
            columns["validation_loss"] = self.validation_loss
        columns["gradient_norm"] = self.gradient_norm
        for j, name in enumerate(self.problem.parameter_names):
            columns[f"theta: {name}"] = self.theta[:, j]
        return pandas.DataFrame(columns)


def advance(  # type: ignore[no-untyped-def]
    gradient, derivative, step, value, loss, X, y, constants, rows, stride, epoch_rows, batch_size, epoch_updates,
    rates, search, settings, theta, state, hyper, first, origin, limit, tolerance, record_at, recorded, thetas, used,
):  # fmt: skip
    """Do ``rates.size`` updates from update number ``first`` + 1; return (status, updates done, records).

    Update k of the stretch reads rows[start:stop] with start = epoch * stride + within * batch_size.
    """
    n = theta.size
    g = np.empty(n)
    previous = np.empty(n)
    trial = np.empty(n)
    beyond = np.empty(n)
    for k in range(rates.size):
        epoch = k // epoch_updates
        start = epoch * stride + (k - epoch * epoch_updates) * batch_size
        batch = rows[start : min(start + batch_size, epoch * stride + epoch_rows)]
        gradient(theta, X, y, batch, derivative, constants, g)
        if tolerance > 0.0:
            squares = 0.0
            for j in range(n):
                squares += g[j] * g[j]
            if squares <= tolerance * tolerance:
                return 1, k, recorded
        rate = rates[k]
        if search > 0:
            slope = 0.0
            for j in range(n):
                slope += g[j] * g[j]
            if not slope < np.inf:
                return 3, k, recorded
        if search == 1:
            # Armijo: shrink until the loss falls by the demanded share of what the gradient promises
            here = value(theta, X, y, batch, loss, constants)
            while True:
                moved = False
                for j in range(n):
                    trial[j] = theta[j] - rate * g[j]
                    # four roundings: what is shorter is no step
                    if abs(rate * g[j]) > 8.8e-16 * abs(theta[j]):
                        moved = True
                if not moved:
                    return 4, k, recorded
                there = value(trial, X, y, batch, loss, constants)
                if abs(there - here) > 1e-12 * abs(here):
                    if there <= here - settings[1] * rate * slope:
                        break
                else:
                    # rounding hides the decrease; the loss falls all the way there if it still falls at the end
                    gradient(trial, X, y, batch, derivative, constants, beyond)
                    ahead = 0.0
                    for j in range(n):
                        ahead += beyond[j] * g[j]
                    if ahead >= 0.0:
                        break
                rate *= settings[0]
        elif search > 1:
            # X is the Hessian and y the constant part: f falls by rate g'g - rate^2 g'Hg / 2
            bend = 0.0
            for i in range(n):
                product = 0.0
                size = abs(y[i])
                for j in range(n):
                    product += X[i, j] * g[j]
                    size += abs(X[i, j] * theta[j])
                bend += g[i] * product
                # n eps times the size of its terms: the most that rounding puts into an entry of the gradient
                beyond[i] = n * 2.2e-16 * size
            if bend <= 0.0:
                return 4, k, recorded
            if search == 2:
                rate = slope / bend
            else:
                while 0.5 * rate * bend > (1.0 - settings[1]) * slope:
                    rate *= settings[0]
            moved = False
            for j in range(n):
                if abs(g[j]) > beyond[j] and theta[j] - rate * g[j] != theta[j]:
                    moved = True
            if not moved:
                return 4, k, recorded
        for j in range(n):
            previous[j] = theta[j]
        step(theta, g, state, hyper, first + k + 1, rate)
        far = False
        lost = False
        for j in range(n):
            distance = abs(theta[j] - origin[j])
            # a comparison with NaN is false, so this asks for what is allowed
            if not distance <= limit:
                far = True
                if not distance < UNUSABLE:
                    lost = True
        if lost:
            for j in range(n):
                theta[j] = previous[j]
            return 3, k, recorded
        if far or first + k + 1 == record_at[recorded]:
            for j in range(n):
                thetas[recorded, j] = theta[j]
            used[recorded] = rate
            recorded += 1
        if far:
            return 2, k + 1, recorded
    return 0, rates.size, recorded


def _advance_signature() -> Any:
    from numba import types as t

    vector, matrix, whole, real = t.float64[::1], t.float64[:, ::1], t.int64, t.float64
    given, table, rows = read_only_types()
    return t.UniTuple(whole, 3)(
        function_type(GRADIENT), function_type(SCALAR), function_type(STEP), function_type(VALUE),
        function_type(SCALAR), table, given, given, rows, whole, whole, whole, whole,
        given, whole, given, vector, matrix, given, whole, given, real, real, rows, whole, matrix, vector,
    )  # fmt: skip


def advance_plain(  # type: ignore[no-untyped-def]
    X, y, constants, rows, rates, theta, first, origin, limit, largest, record_at, recorded, thetas, used
):
    """`advance` for one row an update, the plain rule and a squared loss, with the gradient written out.

    ``largest`` is the largest entry of X by size. The sums are taken in the order of `linear_squared_gradient`, so both
    give the same bits.
    """
    n = theta.size
    whole = n - n % 4
    scale, l2, penalised = constants[3], constants[1], int(constants[2])
    previous = np.empty(n)
    # No parameter can have moved further than the sum of all moves, which costs one addition an update. While that
    # bound leaves half the limit free (so that its own rounding does not matter) no parameter has to be looked at.
    bound = np.inf
    allowed = 0.5 * limit - np.max(np.abs(origin))
    next_record = record_at[recorded]
    for k in range(rates.size):
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
        rate = rates[k]
        bound += rate * (abs(slope) * largest + l2 * bound)
        # a comparison with NaN is false, so this asks for what is allowed
        closely = not bound <= allowed
        if closely:
            for j in range(n):
                previous[j] = theta[j]
        if l2 == 0.0:
            for j in range(n):
                theta[j] -= rate * (slope * X[i, j])
        else:
            for j in range(penalised):
                theta[j] -= rate * (slope * X[i, j])
            for j in range(penalised, n):
                theta[j] -= rate * (slope * X[i, j] + l2 * theta[j])
        far = False
        if closely:
            bound = 0.0
            lost = False
            for j in range(n):
                bound = max(bound, abs(theta[j]))
                distance = abs(theta[j] - origin[j])
                if not distance <= limit:
                    far = True
                    if not distance < UNUSABLE:
                        lost = True
            if lost:
                for j in range(n):
                    theta[j] = previous[j]
                return 3, k, recorded
        if far or first + k + 1 == next_record:
            for j in range(n):
                thetas[recorded, j] = theta[j]
            used[recorded] = rate
            recorded += 1
            next_record = record_at[recorded]
        if far:
            return 2, k + 1, recorded
    return 0, rates.size, recorded


def _plain_signature() -> Any:
    from numba import types as t

    vector, matrix, whole, real = t.float64[::1], t.float64[:, ::1], t.int64, t.float64
    given, table, rows = read_only_types()
    return t.UniTuple(whole, 3)(
        table, given, given, rows, given, vector, whole, given, real, real, rows, whole, matrix, vector
    )


@lru_cache(maxsize=64)
def record_points(total: int, most: int = MOST_RECORDS) -> npt.NDArray[np.int64]:
    """The update counts that are recorded, at most ``most`` of 0 to ``total``, both ends among them.

    All of them while they fit. Otherwise a fifth are the first ones, one by one; the others are spread half evenly and
    half geometrically, so that the record is dense early and serves linear and logarithmic axes.
    """
    if total < most:
        return _read_only(np.arange(total + 1))
    dense = most // 5
    even = np.linspace(dense, total, (most - dense) // 2)
    geometric = np.geomspace(dense, total, most - dense - len(even))
    chosen = np.unique(np.concatenate([np.arange(dense), even.astype(np.int64), geometric.astype(np.int64), [total]]))
    return _read_only(np.delete(chosen, -2) if len(chosen) > most else chosen)


def _read_only(points: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    points.setflags(write=False)
    return points


def descend(
    problem: Problem,
    variant: Variant,
    budget: Budget,
    *,
    progress: Progress | None = None,
    records: int | None = None,
) -> Run:
    """Run one variant on a problem until it converges, diverges or spends its budget.

    ``records``: how many update counts are recorded at most, for fewer than usual; what is recorded stays the same.
    ``progress`` is called with the share of the budget that is spent, from 0 to 1, a few times a second at most.
    The same problem, variant and budget give the same numbers to the last bit.
    Raises ValueError for something that is no variant or budget, a batch larger than the data, a start of the wrong
    length, or a line search where none applies.
    """
    require(isinstance(variant, Variant), "variant must be a Variant, got {!r}", variant)
    require(isinstance(budget, Budget), "budget must be a Budget, such as Budget(epochs=20), got {!r}", budget)
    enough = records is None or whole_number("records", records) >= FEWEST_RECORDS
    require(enough, "records must be at least {}, got {!r}", FEWEST_RECORDS, records)
    descent = _Descent(problem, variant, budget, records)
    return descent.run(progress)


class _Descent:
    """The state of one descent: what `advance` is called with, stretch after stretch."""

    def __init__(self, problem: Problem, variant: Variant, budget: Budget, records: int | None = None) -> None:
        self.problem, self.variant, self.budget = problem, variant, budget
        sampling = variant.sampling
        self.n_samples = problem.n_samples
        self.per_epoch = sampling.updates_per_epoch(self.n_samples)
        self.total = budget.updates_for(sampling, self.n_samples)
        self.kernel: Kernel = getattr(problem, "full_kernel", problem.kernel) if sampling.full else problem.kernel
        self.theta = variant.start_on(problem)
        self.origin = self.theta.copy()
        self.state = variant.rule.state(problem.n_params)
        self.hyper = variant.rule.hyper()
        self.search = NO_SEARCH
        self.search_settings = np.zeros(2)
        if isinstance(variant.schedule, LineSearch):
            self.search = ARMIJO if problem.quadratic is None else QUADRATIC_ARMIJO
            self.search_settings = np.array([variant.schedule.shrink, variant.schedule.sufficient])
        elif isinstance(variant.schedule, ExactLineSearch):
            require(problem.quadratic is not None, "ExactLineSearch needs a quadratic loss; LineSearch works on any")
            self.search = EXACT
        if self.search in (EXACT, QUADRATIC_ARMIJO) and problem.quadratic is not None:
            hessian, linear = problem.quadratic.hessian, problem.quadratic.linear
            self.kernel = replace(self.kernel, gradient=quadratic_gradient, X=hessian, y=linear, n_samples=1)
        examples = int(sampling.examples_at(self.total, self.n_samples))
        most = min(_most_records(problem, examples), MOST_RECORDS if records is None else records)
        self.record_at = np.append(record_points(self.total, most), -1)
        self.thetas = np.empty((len(self.record_at), problem.n_params))
        self.thetas[0] = self.theta
        self.used = np.zeros(len(self.record_at))
        self.used[0] = self._rates(0, 1)[0]
        self.recorded = 1
        self.done = 0
        self.limit = min(budget.divergence, UNUSABLE)

    def _rates(self, first: int, count: int) -> Vector:
        schedule = self.variant.schedule
        if isinstance(schedule, Constant):
            return np.full(count, schedule.learning_rate)
        rates = schedule.rates(np.arange(first, first + count), self.total, self.per_epoch)
        return np.ascontiguousarray(rates, dtype=np.float64)

    def run(self, progress: Progress | None) -> Run:
        advance_stretch = self._stretch_function()
        tolerance = self.budget.gradient_tolerance if self.variant.sampling.full else 0.0
        watch = self.budget.loss_tolerance > 0 or (
            self.budget.gradient_tolerance > 0 and not self.variant.sampling.full
        )
        status, stopped_by = RUNNING, ""
        last_loss = self._loss() if self.budget.loss_tolerance > 0 else math.inf
        reported = started = time.perf_counter()
        stretches = self._stretches(one_epoch=watch)
        while status == RUNNING and self.done < self.total:
            rows, count = next(stretches)
            rates = self._rates(self.done, min(count, self.total - self.done))
            status, made, self.recorded = advance_stretch(rows, rates, tolerance)
            self.done += made
            if status == RUNNING and watch and self.done % self.per_epoch == 0:
                stopped_by, last_loss = self._check(last_loss)
                status = SETTLED if stopped_by else RUNNING
            now = time.perf_counter()
            if progress is not None and now - reported > 0.1:
                progress(self.done / self.total)
                reported = now
        seconds = time.perf_counter() - started
        if progress is not None:
            progress(1.0)
        if status == SETTLED and not stopped_by:
            stopped_by = "gradient"
        return self._finish(status, stopped_by, seconds)

    def _stretch_function(self) -> Callable[..., tuple[int, int, int]]:
        variant, kernel = self.variant, self.kernel
        plain = (
            kernel.gradient is linear_squared_gradient
            and not variant.sampling.full
            and variant.sampling.rows_per_update(self.n_samples) == 1
            and type(variant.rule) is SGD
            and variant.rule.plain
        )
        if plain:
            fused = compile_loop(advance_plain, _plain_signature)

            def run_plain(rows: Any, rates: Vector, tolerance: float) -> tuple[int, int, int]:
                found: tuple[int, int, int] = fused(
                    kernel.X, kernel.y, kernel.constants, rows, rates, self.theta, self.done, self.origin,
                    self.limit, kernel.largest, self.record_at, self.recorded, self.thetas, self.used,
                )  # fmt: skip
                return found

            return run_plain
        if kernel.compiled and variant.rule.compiled:
            loop = compile_loop(advance, _advance_signature)
            gradient, derivative = kernel.arguments()
            step = compile_part(variant.rule.step, STEP)
            value, loss = compile_part(kernel.value, VALUE), compile_part(kernel.loss, SCALAR)
        else:
            loop, step, value, loss = advance, variant.rule.step, kernel.value, kernel.loss
            gradient, derivative = kernel.arguments()
        sampling = variant.sampling
        stride = 0 if sampling.full else self.n_samples
        batch_size = kernel.n_samples if sampling.full else sampling.rows_per_update(self.n_samples)
        epoch_rows = kernel.n_samples if sampling.full else sampling.examples_per_epoch(self.n_samples)

        def run_general(rows: Any, rates: Vector, tolerance: float) -> tuple[int, int, int]:
            found: tuple[int, int, int] = loop(
                gradient, derivative, step, value, loss, kernel.X, kernel.y, kernel.constants, rows, stride,
                epoch_rows, batch_size, self.per_epoch, rates, self.search, self.search_settings, self.theta,
                self.state, self.hyper, self.done, self.origin, self.limit, tolerance, self.record_at,
                self.recorded, self.thetas, self.used,
            )  # fmt: skip
            return found

        return run_general

    def _stretches(self, *, one_epoch: bool) -> Any:
        """Rows for the next updates, and how many updates they serve: whole epochs, so that a stretch starts one."""
        sampling = self.variant.sampling
        if sampling.full:
            work = max(1, self.kernel.X.size if self.kernel.n_samples > 1 else self.problem.n_params**2)
            count = 1 if one_epoch else max(1, WORK_AHEAD // work)
            while True:
                yield self.kernel.all_rows, count
        orders = sampling.orders(self.n_samples, self.variant.seed)
        epochs = 1 if one_epoch else max(1, min(ROWS_AHEAD // self.n_samples, -(-self.total // self.per_epoch)))
        while True:
            if epochs == 1:
                yield next(orders), self.per_epoch
            else:
                yield np.concatenate([next(orders) for _ in range(epochs)]), epochs * self.per_epoch

    def _loss(self) -> float:
        return float(self.problem.values(self.theta[None, :])[0])

    def _check(self, last_loss: float) -> tuple[str, float]:
        budget = self.budget
        if budget.gradient_tolerance > 0 and not self.variant.sampling.full:
            norm = float(self.problem.gradient_norms(self.theta[None, :])[0])
            if norm <= budget.gradient_tolerance:
                return "gradient", last_loss
        if budget.loss_tolerance > 0:
            loss = self._loss()
            if abs(loss - last_loss) <= budget.loss_tolerance:
                return "loss", loss
            return "", loss
        return "", last_loss

    def _finish(self, status: int, stopped_by: str, seconds: float) -> Run:
        updates = self.record_at[: self.recorded].copy()
        diverged_at = None
        if status == ESCAPED:
            # recorded ahead of its turn
            updates[-1] = self.done
            diverged_at = self.done
        elif status == LOST:
            diverged_at = self.done + 1
        elif status == STUCK:
            stopped_by = "search"
        if diverged_at is not None:
            outcome = Outcome.DIVERGED
        else:
            outcome = Outcome.BUDGET_SPENT if status == RUNNING else Outcome.CONVERGED
        if updates[-1] < self.done:
            self.thetas[self.recorded] = self.theta
            last_rate = self._rates(self.done - 1, 1)[0]
            self.used[self.recorded] = last_rate if self.search == NO_SEARCH else self.used[self.recorded - 1]
            updates = np.append(updates, self.done)
        if self.search != NO_SEARCH and self.recorded > 1:
            # the rate that the first update found, rather than the first one it tried
            self.used[0] = self.used[1]
        kept = len(updates)
        n_samples, sampling = self.n_samples, self.variant.sampling
        examples = sampling.examples_at(updates, n_samples)
        run = Run(
            problem=self.problem,
            variant=self.variant,
            budget=self.budget,
            updates=updates,
            examples=examples,
            epochs=examples / sampling.examples_per_epoch(n_samples),
            theta=self.thetas[:kept].copy(),
            learning_rate=self.used[:kept].copy(),
            seconds=seconds,
            outcome=outcome,
            diverged_at=diverged_at,
            stopped_by=stopped_by,
        )
        return run if getattr(self.problem, "loss_stays_finite", False) else _drop_unusable(run)


def _most_records(problem: Problem, examples: int) -> int:
    """How many updates are recorded: fewer where each loss costs much, so that watching costs little beside descending.

    A record of a quadratic costs n_params^2, of any other loss a pass over the rows of the full gradient, and the
    descent itself reads ``examples`` rows.
    """
    if problem.quadratic is not None:
        return int(np.clip(10_000_000 // problem.n_params**2, 200, MOST_RECORDS))
    rows = getattr(problem, "full_kernel", problem.kernel).n_samples
    return int(np.clip(max(LOSSES_ALLOWED, examples) // rows, 50, MOST_RECORDS))


def _drop_unusable(run: Run) -> Run:
    """The run without the records from the first one whose loss overflows on: such a point cannot be shown."""
    finite = np.isfinite(run.loss)
    if finite.all():
        return run
    kept = int(np.argmin(finite))
    require(kept > 0, "the loss at the start of {!r} is too large to be a number", run.label)
    return replace(
        run,
        updates=run.updates[:kept],
        examples=run.examples[:kept],
        epochs=run.epochs[:kept],
        theta=run.theta[:kept],
        learning_rate=run.learning_rate[:kept],
        outcome=Outcome.DIVERGED,
        diverged_at=int(run.updates[kept]),
        stopped_by="",
    )
