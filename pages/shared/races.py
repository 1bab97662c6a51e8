"""Races worth starting from on the Surface page: a surface, racers, and what to look for."""

from __future__ import annotations

from dataclasses import dataclass

import gd_core as gd

# a gradient that nobody sees any more on a surface a few units wide
TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Race:
    """A named experiment on a surface, and what to look for."""

    title: str
    look_for: str
    experiment: gd.Experiment


def _race(surface: str, racers: tuple[gd.Variant, ...], updates: int, noise: float = 1.0) -> gd.Experiment:
    budget = gd.Budget(updates=updates, gradient_tolerance=TOLERANCE)
    return gd.Experiment(data=gd.OnSurface(surface, noise=noise), variants=racers, budget=budget)


def _racer(label: str, rule: gd.Rule, rate: float, sampling: gd.Sampling | None = None) -> gd.Variant:
    return gd.Variant(
        label=label, rule=rule, schedule=gd.Constant(rate), sampling=gd.Batch() if sampling is None else sampling
    )


MOMENTUM = gd.SGD(momentum=0.9)
NESTEROV = gd.SGD(momentum=0.9, nesterov=True)

RACES: dict[str, Race] = {
    "first-steps": Race(
        title="First steps",
        look_for="Plain descent on the simplest surface: every update takes off the same share of the way.",
        experiment=_race("bowl", (_racer("plain", gd.SGD(), 0.01),), 500),
    ),
    "ravine-race": Race(
        title="Momentum in a ravine",
        look_for="The same rate three times. Plain descent crawls along the flat floor; momentum adds up what the "
        "updates agree on, overshoots, and still arrives sooner; Nesterov looks ahead and overshoots less.",
        experiment=_race(
            "ravine",
            (
                _racer("plain", gd.SGD(), 0.02),
                _racer("momentum", MOMENTUM, 0.02),
                _racer("Nesterov", NESTEROV, 0.02),
            ),
            500,
        ),
    ),
    "valley-race": Race(
        title="Six rules in a curved valley",
        look_for="Falling into Rosenbrock's valley is quick; following its flat floor to (1, 1) is what takes long. "
        "The rates differ, as the rules measure their steps differently: compare the ways they go.",
        experiment=_race(
            "rosenbrock",
            (
                _racer("plain", gd.SGD(), 0.001),
                _racer("momentum", MOMENTUM, 0.001),
                _racer("Nesterov", NESTEROV, 0.001),
                _racer("Adagrad", gd.Adagrad(), 1.0),
                _racer("RMSprop", gd.RMSprop(), 0.005),
                _racer("Adam", gd.Adam(), 0.05),
            ),
            2000,
        ),
    ),
    "noise-race": Race(
        title="Noise",
        look_for="One racer sees the exact gradient, one a noisy one, and one the mean of 16 noisy ones. With a "
        "constant rate noise never lets a racer rest: it wanders around the minimum, and averaging 16 keeps it, on "
        "average, at about a sixteenth of the height.",
        experiment=_race(
            "booth",
            (
                _racer("exact", gd.SGD(), 0.03),
                _racer("noisy", gd.SGD(), 0.03, gd.Stochastic()),
                _racer("mean of 16", gd.SGD(), 0.03, gd.MiniBatch(16)),
            ),
            600,
            noise=15.0,
        ),
    ),
}


def first_experiment() -> gd.Experiment:
    """What a person sees who has set nothing yet: plain descent on the bowl from (2, 2) at a rate of 0.01."""
    return RACES["first-steps"].experiment


def title_of(data: gd.OnSurface) -> str:
    """A surface in one line of plain text: its name, or its formula."""
    known = gd.SURFACES.get(data.surface)
    return data.surface if known is None else f"{known.title}: {known.expression}"
