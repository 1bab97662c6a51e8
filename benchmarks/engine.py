"""What an update costs, beside scikit-learn, PyTorch and the plain NumPy loop: python -m benchmarks.engine [--quick].

Everything runs on one thread. Each pair is timed in turns, so that a busy machine slows both, and what is printed is
the median of the times and the median of the ratios, not the ratio of the best.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice, repeat
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import gd_core as gd

Work = Callable[[], Any]
# a rate at which nothing diverges, so that all updates are made
RATE = 1e-3


class Pair(NamedTuple):
    """Median seconds of both, and the median over the rounds of theirs / ours."""

    ours: float
    theirs: float
    ratio: float


def seconds(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def alone(work: Work, rounds: int) -> float:
    """Median seconds, after one round that compiles."""
    work()
    return median(seconds(work) for _ in range(rounds))


def in_turns(ours: Work, theirs: Work, rounds: int) -> Pair:
    """Both timed in turns, after one round that compiles."""
    ours(), theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    mine, other = zip(*times, strict=True)
    return Pair(median(mine), median(other), median(b / a for a, b in times))


def table(title: str, head: str, rows: Iterator[tuple[str, ...]], note: str = "") -> None:
    """Print rows under a title as they come; the heads give the columns their widths."""
    heads = head.split("|")
    print(f"\n{title}\n{'-' * len(title)}\n{'  '.join(heads)}", flush=True)
    for first, *others in rows:
        cells = [f"{cell:>{len(width)}}" for cell, width in zip(others, heads[1:], strict=True)]
        print("  ".join([f"{first:<{len(heads[0])}}", *cells]), flush=True)
    if note:
        print(note)


def ms(value: float) -> str:
    return f"{1e3 * value:.2f}"


def data(n_samples: int, n_features: int) -> gd.Dataset:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    return gd.Dataset(X, X @ rng.standard_normal(n_features) + 0.1 * rng.standard_normal(n_samples))


def problem_on(dataset: gd.Dataset, **settings: Any) -> gd.Regression:
    return gd.Regression(dataset, **{"scaling": "none", "intercept": False, **settings})


def faster(ratio: float) -> str:
    return f"{ratio:.{0 if ratio >= 10 else 2}f} x as fast"


def stochastic(rounds: int) -> Iterator[tuple[str, ...]]:
    """Five epochs and the loss at every record; both with an intercept, neither with a penalty.

    The exact optimum, around which the loss is worked out, belongs to the problem and is found before.
    """
    from sklearn.linear_model import SGDRegressor

    budget, unseen = gd.Budget(epochs=5), count(1)
    theirs = SGDRegressor(max_iter=5, tol=None, learning_rate="constant", eta0=RATE, penalty=None, random_state=0)
    for n_features in (2, 10, 100):
        problem = problem_on(data(10_000, n_features), intercept=True)

        def run(seeds: Iterator[int], problem: gd.Regression = problem) -> Any:
            variant = gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(RATE), seed=next(seeds))
            return gd.descend(problem, variant, budget).loss

        def fit(dataset: gd.Dataset = problem.dataset) -> Any:
            return theirs.fit(dataset.X, dataset.y)

        for orders, work in (("a seed seen before", partial(run, repeat(0))), ("a new seed", partial(run, unseen))):
            pair = in_turns(work, fit, rounds)
            yield f"10,000 x {n_features}, {orders}", ms(pair.ours), ms(pair.theirs), faster(pair.ratio)


def torch_or_none() -> Any:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def torch_loop(torch: Any, dataset: gd.Dataset, make: Callable[[Any], Any], batch_size: int, updates: int) -> Work:
    """The loop that one writes in PyTorch: nn.Linear, MSELoss, an optimizer, shuffled batches, float64."""
    X, y = torch.tensor(dataset.X), torch.tensor(dataset.y)[:, None]
    model = torch.nn.Linear(dataset.n_features, 1, bias=False, dtype=torch.float64)
    loss_of = torch.nn.MSELoss()
    optimizer = make(model.parameters())

    def work() -> None:
        done = 0
        while True:
            for rows in torch.randperm(len(X)).split(batch_size):
                optimizer.zero_grad()
                loss_of(model(X[rows]), y[rows]).backward()
                optimizer.step()
                done += 1
                if done == updates:
                    return

    return work


class Named(NamedTuple):
    """A rule of ours, and the same in torch.optim: the name there and its settings."""

    title: str
    rule: gd.Rule
    torch_name: str
    settings: dict[str, Any]


def rules() -> list[Named]:
    """Every rule, SGD in its three forms."""
    found = [
        Named("plain", gd.SGD(), "SGD", {}),
        Named("momentum", gd.SGD(momentum=0.9), "SGD", {"momentum": 0.9}),
        Named("Nesterov", gd.SGD(momentum=0.9, nesterov=True), "SGD", {"momentum": 0.9, "nesterov": True}),
    ]
    for name, rule in gd.RULES.items():
        # PyTorch has AMSGrad as a setting of Adam
        theirs = ("Adam", {"amsgrad": True}) if name == "AMSGrad" else (name, {})
        if name != "SGD":
            found.append(Named(name, rule(), *theirs))
    return found


def every_rule(torch: Any, rounds: int, updates: int, their_updates: int) -> Iterator[tuple[str, ...]]:
    """Mini-batches of 32 rows of 10 features, loss recorded, in microseconds an update."""
    problem = problem_on(data(10_000, 10), loss="squared_error")
    budget = gd.Budget(updates=updates)
    for named in rules():
        variant = gd.Variant(sampling=gd.MiniBatch(32), rule=named.rule, schedule=gd.Constant(RATE))

        def ours(variant: gd.Variant = variant) -> Any:
            return gd.descend(problem, variant, budget).loss

        kind = getattr(torch.optim, named.torch_name, None) if torch else None
        if kind is None:
            yield named.title, f"{1e6 * alone(ours, rounds) / updates:.3f}", "-", "-"
            continue
        make = partial(kind, lr=RATE, **named.settings)
        pair = in_turns(ours, torch_loop(torch, problem.dataset, make, 32, their_updates), rounds)
        mine, other = 1e6 * pair.ours / updates, 1e6 * pair.theirs / their_updates
        yield named.title, f"{mine:.3f}", f"{other:.1f}", faster(pair.ratio * updates / their_updates)


def batch(n_samples: int, rounds: int) -> Iterator[tuple[str, ...]]:
    """Batch descent, from a design matrix in memory, with X'X and X'y formed in the time shown."""
    dataset = data(n_samples, 10)
    X, y = dataset.X, dataset.y
    variant, budget = gd.Variant(schedule=gd.Constant(RATE)), gd.Budget(updates=1000)

    def fresh() -> Iterator[gd.Regression]:
        while True:
            yield problem_on(dataset)

    # a problem keeps X'X, so every round gets a new one, made before the clock starts
    problems = list(islice(fresh(), 2 * rounds + 2))
    waiting = iter(problems)

    def ours() -> Any:
        return gd.descend(next(waiting), variant, budget)

    pair = in_turns(ours, lambda: X.T @ X, rounds)
    yield "one X.T @ X", ms(pair.ours), ms(pair.theirs), f"{1 / pair.ratio:.2f} x its time"
    few = 4
    pair = in_turns(ours, lambda: gd.gradient_descent(X, y, RATE, few), max(rounds // 3, 1))
    scale = budget.amount / few
    yield "1,000 updates of the plain NumPy loop *", ms(pair.ours), ms(scale * pair.theirs), faster(scale * pair.ratio)
    again = alone(lambda: gd.descend(problems[0], variant, budget).loss, rounds)
    yield "nothing: again on the same problem, with loss", ms(again), "-", "-"


def every_loss(rounds: int) -> Iterator[tuple[str, ...]]:
    """Nanoseconds an update without looking at the loss, and the milliseconds that its record then takes."""
    dataset = data(10_000, 10)
    for loss in gd.LOSSES:
        problem, cells = problem_on(dataset, loss=loss), [loss]
        for sampling, budget in ((gd.Stochastic(), gd.Budget(epochs=5)), (gd.MiniBatch(32), gd.Budget(epochs=50))):
            variant = gd.Variant(sampling=sampling, schedule=gd.Constant(RATE))
            run = gd.descend(problem, variant, budget)
            off = alone(partial(gd.descend, problem, variant, budget), rounds)
            cells += [f"{1e9 * off / run.updates[-1]:.1f}", ms(alone(partial(problem.values, run.theta), rounds))]
        yield tuple(cells)


def versions(torch: Any) -> str:
    import numba
    import sklearn

    return (
        f"Python {platform.python_version()}, NumPy {np.__version__}, Numba {numba.__version__}, scikit-learn "
        f"{sklearn.__version__}, PyTorch {torch.__version__ if torch else 'not installed'}, {platform.machine()}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="What an update costs, beside scikit-learn, PyTorch and NumPy.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and rows: a look, not a measurement")
    quick = parser.parse_args().quick
    rounds = 3 if quick else 15
    torch = torch_or_none()
    print(versions(torch))
    with threadpool_limits(1):
        table(
            "Stochastic descent, 5 epochs, loss recorded, beside SGDRegressor.fit",
            "rows x features                  |  ours, ms|theirs, ms|             ",
            stochastic(rounds if quick else 41),
            "The row orders of a seed are kept for the next variant or run; with a new seed they are drawn as well.",
        )
        table(
            "Mini-batches of 32 at 10 features, per update, loss recorded, beside a loop over torch.optim",
            "rule        |  ours, us|theirs, us|             ",
            every_rule(torch, rounds, 5_000 if quick else 20_000, 100 if quick else 500),
            "" if torch else "PyTorch is not installed, so there is nothing beside it: pip install torch",
        )
        n_samples = 100_000 if quick else 1_000_000
        table(
            f"Batch descent on squared loss, 1,000 updates on {n_samples:,} x 10, X'X formed",
            "beside                                       |  ours, ms|theirs, ms|             ",
            batch(n_samples, rounds),
            "* extrapolated from 4 updates of gd.gradient_descent",
        )
        table(
            "Every loss on 10,000 x 10: an update with history off, and what the losses of the record add to a run",
            "loss              |stochastic, ns|record, ms|mini-batch 32, ns|record, ms",
            every_loss(rounds),
        )


if __name__ == "__main__":
    main()
