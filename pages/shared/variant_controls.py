"""The controls of the Compare page: presets, the model, the budget and the variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

import gd_core as gd
from pages.shared import locks, presets, runs, show, state, widgets
from pages.shared.variant_parts import MOST_VARIANTS, add_copy, choose_rule, choose_schedule, heading

AGAINST = {"epochs": "epochs", "updates": "updates", "examples": "examples seen", "seconds": "seconds"}
SAMPLINGS = {"Batch": "batch", "MiniBatch": "mini-batch", "Stochastic": "stochastic"}
UNITS = {"epochs": "epochs", "updates": "updates", "examples": "examples seen"}
MOST_UPDATES = 20_000_000


def preset() -> None:
    """Buttons that replace all variants by a set made to show one thing."""
    with locks.section("presets") as shown, st.container(horizontal=True, gap="small"):
        if not shown:
            return
        for name, each in presets.PRESETS.items():
            widgets.press(each.title, _take_preset, name, key=f"preset-{name}", help=each.look_for)


def _take_preset(name: str) -> None:
    chosen = presets.PRESETS[name]
    state.change(variants=chosen.variants, budget=chosen.budget)


def model(current: gd.Experiment) -> gd.Experiment:
    """The model and its loss, in a section that costs nothing while it is closed."""
    old = current.model
    with locks.section("model") as shown:
        if not shown:
            return current
        return _model_section(current, old)


def _model_section(current: gd.Experiment, old: gd.Model) -> gd.Experiment:
    # the label stays the same: with another one it would be another section, and closed
    section = st.expander("Model and loss", icon=":material/function:", key="gd-model", on_change="rerun")
    if not section.open:
        st.caption(f"{gd.MODELS[old.model].title} model, {gd.LOSSES[old.loss].title}, {old.scaling} scaling")
        return current
    with section:
        changed = _model(current, old)
    # kept even where the data do not fit it: other data may
    state.keep(changed)
    return changed


def _model(current: gd.Experiment, old: gd.Model) -> gd.Experiment:
    first, second, third = st.columns(3)
    with first:
        kinds = {name: each.title for name, each in gd.MODELS.items()}
        kind = widgets.choice("Model", kinds, old.model, key="model")
        degree = widgets.whole("Degree", old.degree, key="degree", least=1, most=12) if kind == "linear" else 1
        hidden = (
            widgets.whole("Hidden units", old.hidden, key="hidden", least=1, most=64) if kind == "mlp" else old.hidden
        )
    with second:
        losses = {name: each.title for name, each in gd.LOSSES.items()}
        loss = widgets.choice(
            "Loss",
            losses,
            old.loss,
            key="loss",
            help="The gradient of squared error is twice that "
            "of half squared error, so the same learning rate means other steps.",
        )
        delta = old.huber_delta
        if loss == "huber":
            delta = widgets.real("Huber's threshold", delta, key="huber", least=1e-6)
        scaling = widgets.choice("Scaling", list(gd.SCALINGS), old.scaling, key="scaling")
    with third:
        l2 = widgets.real("L2 penalty", old.l2, key="l2", least=0.0, step=0.01)
        intercept = widgets.tick("Intercept", old.intercept, key="intercept")
    try:
        changed = replace(
            old,
            model=kind,
            degree=degree,
            hidden=hidden,
            loss=loss,
            huber_delta=delta,
            l2=l2,
            intercept=intercept,
            scaling=scaling,
        )
        return replace(current, model=changed)
    except ValueError as problem:
        st.error(widgets.plain(str(problem)))
        return current


def budget(current: gd.Experiment, n_samples: int) -> gd.Experiment:
    """How far every variant goes, in one unit for all."""
    with locks.section("budget") as shown:
        return _budget(current, n_samples) if shown else current


def _budget(current: gd.Experiment, n_samples: int) -> gd.Experiment:
    old = current.budget
    first, second, third, fourth = st.columns([6, 4, 4, 2], vertical_alignment="bottom")
    with first:
        unit = widgets.segments("Equal budget in", UNITS, old.unit, key="unit")
    with second:
        usual = {"epochs": 20, "updates": 1000, "examples": 20 * n_samples}
        value = old.amount if unit == old.unit else usual[unit]
        most = {"epochs": max(1, MOST_UPDATES // n_samples), "updates": MOST_UPDATES, "examples": MOST_UPDATES}[unit]
        amount = widgets.whole(UNITS[unit].capitalize(), value, key=f"amount-{unit}", least=1, most=most)
    with third:
        seeds = widgets.whole(
            "Seeds",
            current.seeds,
            key="seeds",
            least=1,
            most=50,
            help="Repeats every variant with seed, seed + 1, ...; the i-th repeat of every variant "
            "sees the same order of rows.",
        )
    with fourth:
        stops = _stops(old)
    units = {"epochs": None, "updates": None, "examples": None, unit: amount}
    return replace(current, budget=replace(old, **units, **stops), seeds=seeds)


def _stops(old: gd.Budget) -> dict[str, float]:
    """What may end a run before its budget is spent."""
    stops = {"gradient_tolerance": old.gradient_tolerance, "loss_tolerance": old.loss_tolerance}
    with widgets.drawer("Stop early", ":material/front_hand:", key="stops") as opened:
        if opened:
            stops["gradient_tolerance"] = widgets.real(
                "Once the gradient's norm is at most",
                old.gradient_tolerance,
                key="gradient-tolerance",
                least=0.0,
                step=0.001,
                help="0 switches it off. The gradient is the full one, over all training rows.",
            )
            stops["loss_tolerance"] = widgets.real(
                "Once an epoch changes the loss by at most",
                old.loss_tolerance,
                key="loss-tolerance",
                least=0.0,
                step=0.001,
                help="0 switches it off. A tiny learning rate changes the loss little without having arrived.",
            )
    return stops


def variants(current: gd.Experiment, n_samples: int, limits: Callable[[gd.Variant], show.Limits]) -> gd.Experiment:
    """A card for each variant; ``limits`` says what theory knows of a variant's learning rate."""
    with locks.section("variants") as shown:
        return _cards(current, n_samples, limits) if shown else current


def _cards(current: gd.Experiment, n_samples: int, limits: Callable[[gd.Variant], show.Limits]) -> gd.Experiment:
    made: list[gd.Variant] = []
    total = len(current.variants)
    for start in range(0, total, 3):
        columns = st.columns(min(total, 3))
        for i in range(start, min(start + 3, total)):
            with columns[i - start], st.container(border=True, key=f"gd-variant-{i}"):
                made.append(_card(i, current.variants[i], n_samples, limits, total))
    with st.container(horizontal=True):
        full = total >= MOST_VARIANTS
        widgets.press(
            "Tune all rates",
            _tune,
            key="tune",
            icon=":material/auto_fix_high:",
            help="Every variant tries the same rates with the whole budget, and keeps the one that ends lowest.",
        )
        widgets.press("Add a variant", add_copy, total - 1, key="add", icon=":material/add:", disabled=full)
    return replace(current, variants=tuple(made))


def view_options(compared: gd.Comparison) -> dict[str, Any]:
    """How the views are drawn: axes, heights, and which two parameters the surface shows."""
    with locks.section("views") as shown:
        return _view_options(compared) if shown else dict(FIRST_VIEW)


FIRST_VIEW = {
    "against": "epochs",
    "log_loss": True,
    "log_axis": False,
    "axes": (0, 1),
    "height": "log",
    "separate": False,
    "theory": False,
    "validation": False,
}


def _view_options(compared: gd.Comparison) -> dict[str, Any]:
    with st.container(horizontal=True, vertical_alignment="bottom", key="gd-views"):
        last = {**FIRST_VIEW, "kind": "first", "pair": (0, 1), **state.view()}
        against = widgets.segments("Loss against", AGAINST, last["against"], key="against")
        log_loss = widgets.switch("Logarithmic loss", last["log_loss"], key="log-loss")
        log_axis = widgets.switch("Logarithmic axis", last["log_axis"], key="log-axis")
        names = compared.problem.parameter_names
        axes: Any = (0, 1)
        kind, pair = last["kind"], last["pair"]
        if len(names) > 2:
            planes = {
                "first": f"{_short(names[0])} and {_short(names[1])}",
                "eigen": "steepest and flattest",
                "principal": "where the paths go",
                "pair": "two parameters of your choice",
            }
            kind = widgets.choice("Surface over", planes, kind, key="axes")
            axes = {"first": (0, 1), "pair": (0, 1)}.get(kind, kind)
            if kind == "pair":
                axes = pair = _pair(names, pair)
        height = widgets.segments("Height", {"log": "logarithmic", "linear": "linear"}, last["height"], key="height")
        separate = widgets.switch("One scene a variant", last["separate"], key="separate")
        theory = widgets.switch("What theory predicts", last["theory"], key="theory")
        validation = last["validation"]
        has_validation = compared.problem.validation > 0
        if has_validation:
            validation = widgets.switch("Validation loss", validation, key="show-validation")
    options = {
        "against": against,
        "log_loss": log_loss,
        "log_axis": log_axis,
        "axes": axes,
        "height": height,
        "separate": separate,
        "theory": theory,
        "validation": validation and has_validation,
    }
    state.keep_view({**options, "kind": kind, "pair": pair, "validation": validation})
    return options


def scaling_switch() -> bool:
    """Whether to show the same variants with and without standardised features."""
    with locks.section("views") as shown:
        if not shown:
            return False
        st.header("Scaling as an experiment")
        st.write(
            "The same variants on the same data, once with the features as they are and once standardised: a ravine "
            "becomes a bowl, and the same exact solution is reached in fewer updates."
        )
        return widgets.switch("Show both", False, key="scaling-experiment")


def _pair(names: tuple[str, ...], last: tuple[int, int]) -> tuple[int, int]:
    numbers = {str(i): _short(name) for i, name in enumerate(names)}
    first = int(widgets.choice("Across", numbers, str(last[0]), key="axis-u"))
    others = {i: name for i, name in numbers.items() if int(i) != first}
    return first, int(widgets.choice("Up", others, str(last[1]), key=f"axis-v-{first}"))


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"


def _card(
    i: int, old: gd.Variant, n_samples: int, limits: Callable[[gd.Variant], show.Limits], total: int
) -> gd.Variant:
    number = f"v{i}"
    label = heading(i, old, total)
    kind = widgets.segments("Rows an update reads", SAMPLINGS, type(old.sampling).__name__, key=f"{number}-sampling")
    sampling = _sampling(kind, old.sampling, n_samples, number)
    rule = choose_rule(old.rule, number)
    known = limits(replace(old, sampling=sampling, rule=rule, schedule=gd.Constant()))
    schedule = choose_schedule(old.schedule, number, known)
    try:
        changed = gd.Variant(
            sampling=sampling, rule=rule, schedule=schedule, start=old.start, seed=old.seed, label=label
        )
    except ValueError as problem:
        st.warning(widgets.plain(str(problem)))
        changed = old
    with widgets.drawer("Start and seed", ":material/flag:", key=f"more-{number}") as opened:
        if opened:
            changed = _start_and_seed(changed, number)
    st.caption(widgets.plain(known.sentence))
    return changed


def _sampling(kind: str, old: Any, n_samples: int, number: str) -> Any:
    if kind == "Batch":
        return gd.Batch()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = 1
        if kind == "MiniBatch":
            size = widgets.whole(
                "Batch size", getattr(old, "batch_size", 32), key=f"{number}-batch-size", least=1, most=n_samples
            )
        shuffle, replacement, drop_last = _order(kind, old, number)
    if kind == "Stochastic":
        return gd.Stochastic(shuffle=shuffle, replacement=replacement)
    return gd.MiniBatch(size, shuffle=shuffle, replacement=replacement, drop_last=drop_last)


def _order(kind: str, old: Any, number: str) -> tuple[bool, bool, bool]:
    shuffle, replacement = getattr(old, "shuffle", True), getattr(old, "replacement", False)
    drop_last = getattr(old, "drop_last", False) and kind == "MiniBatch"
    with widgets.drawer("Order", ":material/shuffle:", key=f"order-{number}") as opened:
        if opened:
            shuffle = widgets.tick("A new order each epoch", shuffle, key=f"{number}-shuffle")
            replacement = widgets.tick("Draw with replacement", replacement, key=f"{number}-replacement")
            if kind == "MiniBatch":
                drop_last = widgets.tick("Leave out a short last batch", drop_last, key=f"{number}-drop-last")
    return shuffle, replacement, drop_last


def _start_and_seed(variant: gd.Variant, number: str) -> gd.Variant:
    seed = widgets.whole(
        "Seed of the row order",
        variant.seed,
        key=f"{number}-seed",
        least=0,
        most=2**31 - 1,
        help="Variants with the same seed see the rows in the same order.",
    )
    kinds = {"own": "the problem's own start", "random": "a random start, drawn with the seed"}
    now = "random" if variant.start == "random" else "own"
    if isinstance(variant.start, tuple):
        kinds["kept"] = "the given numbers"
        now = "kept"
    kind = widgets.choice("Start", kinds, now, key=f"{number}-start")
    start = {"own": None, "random": "random", "kept": variant.start}[kind]
    return replace(variant, seed=seed, start=start)


def _tune() -> None:
    current = state.experiment()
    try:
        found = runs.tuned(current, runs.dataset(current))
    except ValueError as problem:
        state.say_next_time(str(problem))
        return
    state.change(variants=tuple(each.variant for each in found))
    count = len(found[0].final_losses) or max(len(each.final_losses) for each in found)
    rates = ", ".join(
        f"{each.variant.label or i + 1}: {each.learning_rate:g}"
        for i, each in enumerate(found)
        if each.learning_rate is not None
    )
    budget = current.budget
    state.say_next_time(
        f"Tuned: every variant tried the same {count} learning rates with the whole budget of {budget.amount:,} "
        f"{UNITS[budget.unit]}, and kept the one that ended lowest. Chosen: {rates}."
    )
