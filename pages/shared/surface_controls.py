"""The controls of the Surface page: the surface, the start, how far the racers go, and the racers themselves."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

import gd_core as gd
from pages.shared import chart, locks, races, show, state, widgets
from pages.shared.variant_parts import MOST_VARIANTS, add_copy, choose_rule, choose_schedule, heading

YOURS = "a formula of your own"
GRADIENTS = {"Batch": "exact", "Stochastic": "noisy", "MiniBatch": "mean of several noisy"}
FIRST_FORMULA = "x^2 + 3*y^2 + sin(3*x)*cos(2*y)"
MOST_UPDATES = 20_000
# half of the surface below this share of its range: then its height is drawn as a logarithm
FLAT = 0.08
Point = tuple[float, float]


def race() -> None:
    """Buttons that replace everything by a race made to show one thing."""
    with locks.section("presets") as shown, st.container(horizontal=True, gap="small"):
        if not shown:
            return
        for name, each in races.RACES.items():
            widgets.press(each.title, _take_race, name, key=f"race-{name}", help=each.look_for)


def _take_race(name: str) -> None:
    state.replace_with(races.RACES[name].experiment)


def surface(current: gd.Experiment) -> gd.Experiment:
    """The surface and where the racers start; a formula that cannot be used says so and leaves the former one."""
    with locks.section("surface") as shown:
        if not shown:
            return current
        return _start(_surface(current))


def _surface(current: gd.Experiment) -> gd.Experiment:
    data = _on_surface(current)
    names = {name: each.title for name, each in gd.SURFACES.items()} | {YOURS: YOURS}
    now = data.surface if data.surface in gd.SURFACES else YOURS
    chosen = widgets.choice(
        "Surface",
        names,
        now,
        key="surface",
        on_change=_take_surface,
        help="Another surface comes with its usual start, and the rates of plain descent and momentum are brought to "
        "its scale.",
    )
    if chosen == YOURS:
        return _formula(current)
    known = gd.SURFACES[chosen]
    st.latex(known.formula)
    st.caption(known.note)
    return current


def _take_surface(chosen: str) -> None:
    """Another surface, from its usual start, with rates that suit it."""
    current = state.experiment()
    old = _on_surface(current)
    data = replace(old, surface=FIRST_FORMULA if chosen == YOURS else chosen, domain=None)
    before, after = _built(old), _built(data)
    scale = after.learning_rate / before.learning_rate
    state.replace_with(
        replace(
            current,
            data=data,
            variants=tuple(replace(_rescaled(each, scale), start=None) for each in current.variants),
        )
    )


def _rescaled(variant: gd.Variant, scale: float) -> gd.Variant:
    rate = getattr(variant.schedule, "learning_rate", None)
    searches = isinstance(variant.schedule, gd.LineSearch | gd.ExactLineSearch)
    # the steps of other rules do not grow with the gradient, so a steeper surface asks nothing of their rates
    if searches or rate is None or not isinstance(variant.rule, gd.SGD):
        return variant
    try:
        return replace(variant, schedule=replace(variant.schedule, learning_rate=float(f"{rate * scale:.3g}")))
    except ValueError:  # a schedule whose other settings do not go with that rate
        return variant


def _formula(current: gd.Experiment) -> gd.Experiment:
    old = _on_surface(current)
    typed = st.text_input(
        "Formula in x and y",
        key=state.seeded("formula", old.surface),
        max_chars=500,
        disabled=locks.disabled(),
        help="With + - * / ^, brackets, pi, e, and the functions sin cos tan exp log sqrt abs tanh and their like.",
    )
    domain = old.domain or _built(old).domain
    with st.container(horizontal=True, gap="small"):
        x0 = widgets.real("x from", domain[0][0], key="x0", step=0.5)
        x1 = widgets.real("x to", domain[0][1], key="x1", step=0.5)
        y0 = widgets.real("y from", domain[1][0], key="y0", step=0.5)
        y1 = widgets.real("y to", domain[1][1], key="y1", step=0.5)
    try:
        found = replace(old, surface=typed, domain=((x0, x1), (y0, y1)))
        st.latex(_built(found).formula)
        return replace(current, data=found)
    except gd.ExpressionError as problem:
        widgets.refusal(problem)
    except ValueError as problem:
        st.error(widgets.plain(str(problem)))
    st.caption("The charts still show the former surface.")
    return current


def _start(current: gd.Experiment) -> gd.Experiment:
    """Where all racers start, unless each has a start of its own."""
    own = _usual_start(current)
    starts = [_point(each, own) for each in current.variants]
    together = widgets.switch("One start for all", len(set(starts)) == 1, key="together")
    if not together:
        names = {str(i): each.label or f"racer {i + 1}" for i, each in enumerate(current.variants)}
        widgets.choice("A click on the contours moves", names, "0", key="clicked")
        return current
    found = _numbers(starts[0], "")
    st.caption("Or click on the contours.")
    return replace(current, variants=tuple(replace(each, start=found) for each in current.variants))


def _numbers(point: Point, prefix: str) -> Point:
    with st.container(horizontal=True, gap="small"):
        x = widgets.real("Start x", point[0], key=f"{prefix}start-x", step=0.1)
        y = widgets.real("Start y", point[1], key=f"{prefix}start-y", step=0.1)
    return x, y


def _usual_start(current: gd.Experiment) -> Point:
    """The surface's own start, or the middle of a domain in which the formula has no value that was found."""
    built = _built(_on_surface(current))
    try:
        x, y = built.start
        return float(x), float(y)
    except ValueError:
        return sum(built.domain[0]) / 2, sum(built.domain[1]) / 2


def _point(variant: gd.Variant, own: Point) -> Point:
    return (variant.start[0], variant.start[1]) if isinstance(variant.start, tuple) else own


def take_click(click: chart.Click) -> None:
    """Start where the contours were clicked: all racers, or the one that was chosen for it."""
    with locks.section("surface") as shown:
        if not shown or locks.disabled() or click.at is None:
            return
        point = tuple(_rounded(place) for place in click.at)
        current = state.experiment()
        together = st.session_state.get(state.key("together"), True)
        moved = None if together else int(st.session_state.get(state.key("clicked"), 0))
        prefix = "" if moved is None else f"v{moved}-"
        for axis, place in zip("xy", point, strict=True):
            st.session_state[state.key(f"{prefix}start-{axis}")] = place
        variants = tuple(
            replace(each, start=point) if moved in (None, i) else each for i, each in enumerate(current.variants)
        )
        state.keep(replace(current, variants=variants))


def _rounded(place: float) -> float:
    """A place on a chart, to what a pixel can tell."""
    return float(f"{place:.3g}")


def budget(current: gd.Experiment) -> gd.Experiment:
    """How many updates everyone may make, and when a racer has arrived."""
    with locks.section("budget") as shown:
        if not shown:
            return current
        old = current.budget
        with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
            updates = widgets.whole("Updates", old.amount, key="updates", least=1, most=MOST_UPDATES)
            tolerance = widgets.real(
                "Arrived below",
                old.gradient_tolerance,
                key="tolerance",
                least=0.0,
                help="A racer has converged once the norm of its gradient is at most this. 0 switches it off.",
            )
        return replace(current, budget=gd.Budget(updates=updates, gradient_tolerance=tolerance))


def racers(current: gd.Experiment) -> gd.Experiment:
    """A card for each racer, and what they share."""
    with locks.section("variants") as shown:
        if not shown:
            return current
        total = len(current.variants)
        own = _usual_start(current)
        known = _limits(current)
        together = bool(st.session_state.get(state.key("together"), True))
        made = []
        for i, old in enumerate(current.variants):
            with st.container(border=True, key=f"gd-racer-{i}"):
                made.append(_card(i, old, total, known, None if together else _point(old, own)))
        full = total >= MOST_VARIANTS
        widgets.press("Add a racer", add_copy, total - 1, key="add", icon=":material/add:", disabled=full)
        return _noise(replace(current, variants=tuple(made)))


def _card(
    i: int, old: gd.Variant, total: int, known: Callable[[gd.Variant], show.Limits], start: Point | None
) -> gd.Variant:
    number = f"v{i}"
    label = heading(i, old, total, "racer")
    rule = choose_rule(old.rule, number)
    limits = known(replace(old, rule=rule, schedule=gd.Constant()))
    schedule = choose_schedule(old.schedule, number, limits)
    kind = widgets.choice("Gradient", GRADIENTS, type(old.sampling).__name__, key=f"{number}-gradient")
    sampling: Any = gd.Batch() if kind == "Batch" else gd.Stochastic()
    if kind == "MiniBatch":
        size = getattr(old.sampling, "batch_size", 16)
        sampling = gd.MiniBatch(widgets.whole("Averaged", size, key=f"{number}-averaged", least=1, most=2000))
    if start is not None:
        start = _numbers(start, f"{number}-")
    st.caption(widgets.plain(limits.sentence))
    try:
        changed = replace(old, rule=rule, schedule=schedule, sampling=sampling, label=label)
    except ValueError as problem:
        st.warning(widgets.plain(str(problem)))
        changed = replace(old, label=label)
    return changed if start is None else replace(changed, start=start)


def _limits(current: gd.Experiment) -> Callable[[gd.Variant], show.Limits]:
    """What theory knows of a racer's rate: all of it on a quadratic surface, and elsewhere what the start tells."""
    problem = _built(_on_surface(current))
    if problem.quadratic is not None:
        return show.limits(problem)

    def known(variant: gd.Variant) -> show.Limits:
        if not isinstance(variant.rule, gd.SGD):
            return show.Limits(sentence=f"Theory gives no stability limit for {variant.rule.name}.")
        try:
            steepest = float(gd.curvature(problem, _point(variant, _usual_start(current))).eigenvalues[-1])
        except ValueError:
            steepest = math.nan
        if not steepest > 0:
            return show.Limits(sentence="The surface is not quadratic: theory gives no fixed limit for the rate.")
        limit = gd.figures.text.number(2 / steepest)
        return show.Limits(
            sentence=f"The surface is not quadratic, so there is no fixed limit; its curvature at the start would "
            f"allow plain descent {limit}."
        )

    return known


def _noise(current: gd.Experiment) -> gd.Experiment:
    """How strong the noise is, once a racer meets it."""
    data = _on_surface(current)
    if all(each.sampling.full for each in current.variants):
        return current
    with st.container(horizontal=True, gap="small"):
        noise = widgets.real(
            "Noise",
            data.noise,
            key="noise",
            least=1e-6,
            help="Standard deviation of what is added to each entry of a noisy gradient. Racers with noise meet the "
            "same noise, update by update.",
        )
        seed = widgets.whole("Noise seed", data.noise_seed, key="noise-seed", least=0, most=2**31 - 1)
    return replace(current, data=replace(data, noise=noise, noise_seed=seed))


def view_options(current: gd.Experiment) -> dict[str, Any]:
    """How the surface and the curves are drawn."""
    height = "log" if _mostly_flat(_built(_on_surface(current))) else "linear"
    seen = state.view()
    if seen.get("surface") == _on_surface(current).surface:
        height = seen["height"]
    log_value = seen.get("log_value", True)
    with locks.section("views") as shown:
        if shown:
            with st.container(horizontal=True, vertical_alignment="bottom", key="gd-views"):
                height = widgets.segments("Height", {"linear": "linear", "log": "logarithmic"}, height, key="height")
                log_value = widgets.switch("Logarithmic value", log_value, key="log-value")
    state.keep_view({"surface": _on_surface(current).surface, "height": height, "log_value": log_value})
    return {"height": height, "log_value": log_value}


def _mostly_flat(built: gd.Surface) -> bool:
    """Whether walls are so much higher than the rest that a linear height would show nothing else."""
    values = built.grid(24)[2]
    known = values[np.isfinite(values)]
    if known.size == 0:
        return False
    return bool(np.median(known) - known.min() < FLAT * (known.max() - known.min()))


def _on_surface(current: gd.Experiment) -> gd.OnSurface:
    assert isinstance(current.data, gd.OnSurface)
    return current.data


# a surface remembers its curvature and where a descent may start, so it is made once
@functools.lru_cache(maxsize=64)
def _built(data: gd.OnSurface) -> gd.Surface:
    return data.build()
