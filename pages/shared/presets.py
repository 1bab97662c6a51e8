"""Comparisons worth starting from: named sets of variants, each made to show one thing."""

from __future__ import annotations

from dataclasses import dataclass

import gd_core as gd


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of variants, the budget that shows their difference, and what to look for."""

    title: str
    look_for: str
    variants: tuple[gd.Variant, ...]
    budget: gd.Budget


PRESETS: dict[str, Preset] = {
    "three-types": Preset(
        title="The three types",
        look_for="All three read the same rows in 20 epochs. Batch makes 20 careful updates, stochastic one for every "
        "row: it arrives first and then never stands still. Mini-batch lies between.",
        variants=(
            gd.Variant(sampling=gd.Batch(), schedule=gd.Constant(0.1), label="batch"),
            gd.Variant(sampling=gd.MiniBatch(32), schedule=gd.Constant(0.1), label="mini-batch"),
            gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.1), label="stochastic"),
        ),
        budget=gd.Budget(epochs=20),
    ),
    "learning-rates": Preset(
        title="Learning rates",
        look_for="Four batch descents, one setting apart. The smallest rate crawls, and one of them may be past the "
        "largest stable rate of your data: it diverges, and the table says why.",
        variants=tuple(
            gd.Variant(schedule=gd.Constant(rate), label=f"rate {rate:g}") for rate in (0.01, 0.1, 0.5, 2.5)
        ),
        budget=gd.Budget(epochs=100),
    ),
    "momentum": Preset(
        title="Momentum",
        look_for="The same rate with and without memory. Momentum pays where the loss is a ravine: look for the "
        "condition number, and for the overshoot.",
        variants=(
            gd.Variant(schedule=gd.Constant(0.05), label="plain"),
            gd.Variant(rule=gd.SGD(momentum=0.9), schedule=gd.Constant(0.05), label="momentum"),
            gd.Variant(rule=gd.SGD(momentum=0.9, nesterov=True), schedule=gd.Constant(0.05), label="Nesterov"),
        ),
        budget=gd.Budget(epochs=100),
    ),
    "adaptive": Preset(
        title="Adaptive",
        look_for="Rules that give every parameter a rate of its own, on the same mini-batches. Their rates mean "
        "something else than the plain rule's: compare what they reach, not the numbers on the sliders.",
        variants=(
            gd.Variant(sampling=gd.MiniBatch(32), schedule=gd.Constant(0.05), label="plain"),
            gd.Variant(sampling=gd.MiniBatch(32), rule=gd.Adagrad(), schedule=gd.Constant(0.5), label="Adagrad"),
            gd.Variant(sampling=gd.MiniBatch(32), rule=gd.RMSprop(), schedule=gd.Constant(0.05), label="RMSprop"),
            gd.Variant(sampling=gd.MiniBatch(32), rule=gd.Adam(), schedule=gd.Constant(0.05), label="Adam"),
        ),
        budget=gd.Budget(epochs=30),
    ),
}


def first_experiment() -> gd.Experiment:
    """What a person sees who has set nothing yet: a straight line through 200 points, and the three types."""
    preset = PRESETS["three-types"]
    data = gd.Generated("linear", n_samples=200, noise=1.0)
    return gd.Experiment(data=data, model=gd.Model(), variants=preset.variants, budget=preset.budget)
