"""Small controls that several pages use: a number of a settings class, a learning rate, a choice of names."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, get_args, get_type_hints

import numpy as np
import streamlit as st

import gd_core as gd
from pages.shared import locks, state
from pages.shared.guard import guard

# eight a decade, from a millionth to a thousand: near enough to any rate that the typed number then says exactly
RATES = tuple(
    float(f"{lead}e{power}")
    for power in range(-6, 4)
    for lead in (1, 1.5, 2, 2.5, 3, 4, 5, 7)
    if lead * 10**power <= 1000
)


def choice(
    label: str,
    names: Mapping[str, str] | Sequence[str],
    chosen: str,
    *,
    key: str,
    help: str | None = None,
    on_change: Callable[[str], None] | None = None,
) -> str:
    """One of several names, in a menu; ``names`` may map each to the words that are shown.

    ``on_change`` is called with another choice before the page is drawn again.
    """
    options = list(names)
    shown: Callable[[str], str] = (lambda name: names[name]) if isinstance(names, Mapping) else str
    found = state.seeded(key, chosen if chosen in options else options[0])
    if st.session_state[found] not in options:  # the options are other ones than when it was chosen
        st.session_state[found] = options[0]
    picked: str = st.selectbox(
        label,
        options,
        key=found,
        format_func=shown,
        help=help,
        disabled=locks.disabled(),
        on_change=_later(on_change, found) if on_change else None,
    )
    return picked


def _later(call: Callable[[Any], None], key: str) -> Callable[[], None]:
    """A callback that hands the widget's value on."""

    return guard()(state.in_this_slot(lambda: call(st.session_state[key])))


def segments(
    label: str, names: Mapping[str, str] | Sequence[str], chosen: str, *, key: str, help: str | None = None
) -> str:
    """One of a few names, all in sight."""
    options = list(names)
    shown: Callable[[str], str] = (lambda name: names[name]) if isinstance(names, Mapping) else str
    found = state.seeded(key, chosen)
    picked = st.segmented_control(
        label, options, key=found, format_func=shown, help=help, required=True, disabled=locks.disabled()
    )
    return chosen if picked is None else str(picked)


def tick(label: str, value: bool, *, key: str, help: str | None = None) -> bool:
    """A box to tick."""
    return bool(st.checkbox(label, key=state.seeded(key, value), help=help, disabled=locks.disabled()))


def switch(label: str, value: bool, *, key: str, help: str | None = None) -> bool:
    """A switch that changes how something is shown."""
    return bool(st.toggle(label, key=state.seeded(key, value), help=help, disabled=locks.disabled()))


def press(
    label: str,
    call: Callable[..., None],
    *arguments: Any,
    key: str,
    icon: str | None = None,
    help: str | None = None,
    quiet: bool = False,
    disabled: bool = False,
) -> None:
    """A button that calls, before the page is drawn again."""
    st.button(
        label,
        key=state.key(key),
        on_click=guard()(state.in_this_slot(call)),
        args=arguments,
        icon=icon,
        help=help,
        type="tertiary" if quiet else "secondary",
        disabled=disabled or locks.disabled(),
    )


def whole(label: str, value: int, *, key: str, least: int, most: int, help: str | None = None) -> int:
    """A whole number between two bounds; a value outside them, left from other data, is brought to the nearest."""
    found = state.seeded(key, value)
    wanted = int(st.session_state[found])
    if not least <= wanted <= most:
        st.session_state[found] = min(max(wanted, least), most)
    number = int(st.number_input(label, least, most, step=1, key=found, help=help, disabled=locks.disabled()))
    if number != wanted:
        st.caption(f"{label}: {wanted:,} does not go here, and {number:,} took its place.")
    return number


def real(
    label: str,
    value: float,
    *,
    key: str,
    least: float | None = None,
    most: float | None = None,
    step: float | None = None,
    help: str | None = None,
) -> float:
    """A number, shown as short as it is exact."""
    found = state.seeded(key, float(value))
    size = step or _step(abs(value))
    return float(
        st.number_input(label, least, most, step=size, key=found, format="%g", help=help, disabled=locks.disabled())
    )


def _step(size: float) -> float:
    return 10.0 ** math.floor(math.log10(size)) if size > 0 else 0.1


@contextmanager
def drawer(label: str, icon: str, *, key: str) -> Iterator[bool]:
    """A small window behind a button; gives whether it is open, as its controls cost nothing while it is not.

    What its controls set must come from elsewhere while it is closed: from the experiment.
    """
    found = st.popover(label, icon=icon, key=state.key(key), on_change="rerun")
    with found:
        yield bool(found.open)


def learning_rate(
    label: str,
    value: float,
    *,
    key: str,
    help: str | None = None,
    largest: float | None = None,
    best: float | None = None,
) -> float:
    """A learning rate: a slider in equal ratios beside a box that takes any positive number; each moves the other.

    ``largest`` and ``best`` are marked below the slider: the largest stable rate, and the best.
    """
    rate, moved = state.seeded(f"{key}-value", float(value)), state.seeded(f"{key}-moved", (0, 0))
    # Each gets a new name when the other is used. Under the same name, a slider that is held down would send the box's
    # former number along, which the browser does not know to be outdated, and it would be taken for a typed one.
    slides, types = st.session_state[moved]
    slider, box = state.key(f"{key}-slider-{types}"), state.key(f"{key}-box-{slides}")
    # what they show first is told to the browser with every run: one that is cut short may be the one that made them
    for control, first in ((slider, _nearest(st.session_state[rate])), (box, st.session_state[rate])):
        if control not in st.session_state:
            st.session_state[f"{control}-first"] = first
    # and such a run also leaves a control that reports as new what it shows anyway
    shown = {control: st.session_state[f"{control}-first"] for control in (slider, box)}

    @guard()
    def from_slider() -> None:
        slid = st.session_state.get(slider, shown[slider])
        if slid != shown[slider]:
            st.session_state[rate] = float(slid)
            st.session_state[moved] = (slides + 1, types)

    @guard()
    def from_box() -> None:
        typed = st.session_state.get(box, shown[box])
        if typed == shown[box]:
            return
        if typed:
            st.session_state[rate] = float(typed)
            st.session_state[moved] = (slides, types + 1)
        else:
            state.say_next_time(f"A learning rate is above 0, so {st.session_state[rate]:g} stays in use.")
            st.session_state[moved] = (slides + 1, types)

    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        shown[slider] = st.select_slider(
            label,
            RATES,
            st.session_state[f"{slider}-first"],
            key=slider,
            format_func="{:g}".format,
            on_change=from_slider,
            help=help,
            disabled=locks.disabled(),
        )
        st.html(_rate_marks(largest, best))
    with right:
        shown[box] = st.number_input(
            f"{label}, typed",
            min_value=0.0,
            value=st.session_state[f"{box}-first"],
            key=box,
            format="%.6g",
            step=_step(st.session_state[rate]),
            on_change=from_box,
            label_visibility="collapsed",
            disabled=locks.disabled(),
        )
    return float(st.session_state[rate])


def _rate_marks(largest: float | None, best: float | None) -> str:
    """A strip as wide as the slider: red where a rate is unstable, green at the best. Made of our numbers alone."""
    strip = ["position:relative", "height:6px", "border-radius:3px", "margin:-0.9rem 0.4rem 0 0.4rem"]
    if largest is not None and math.isfinite(largest) and largest > 0:
        share = 100 * _place(largest)
        strip.append(f"background:linear-gradient(90deg,transparent {share:.1f}%,rgba(204,51,17,.65) {share:.1f}%)")
    mark = ""
    if best is not None and math.isfinite(best):
        mark = (
            f"<span style='position:absolute;left:{100 * _place(best):.1f}%;top:-2px;width:4px;height:10px;"
            "background:#009e73;border-radius:2px'></span>"
        )
    return f"<div style='{';'.join(strip)}' aria-hidden='true'>{mark}</div>"


def _place(rate: float) -> float:
    """Where a rate stands on the slider, from 0 to 1: the options are equally far apart."""
    return float(np.interp(math.log(rate), np.log(RATES), np.linspace(0, 1, len(RATES))))


def _nearest(rate: float) -> float:
    return RATES[int(np.argmin(np.abs(np.log(RATES) - math.log(max(rate, 1e-12)))))]


def settings_of(part: Any, *, key: str, skip: Sequence[str] = ()) -> Any:
    """A control for every field of a settings dataclass; the part that they describe.

    The range, the help and the default come from the field itself (`gd.setting`), so a new class needs no code here.
    An impossible combination gets its sentence in place and leaves the part as it was.
    """
    hints = get_type_hints(type(part))
    values: dict[str, Any] = {}
    for field in dataclasses.fields(part):
        if field.name in skip:
            continue
        values[field.name] = _field(field, hints[field.name], getattr(part, field.name), f"{key}-{field.name}")
    try:
        return dataclasses.replace(part, **values)
    except ValueError as problem:
        st.warning(plain(str(problem)))
        return part


def _field(field: Any, kind: Any, value: Any, key: str) -> Any:
    label = field.name.replace("_", " ")
    bounds = field.metadata
    help_text = bounds.get("help") or None
    if kind is bool:
        return tick(label, value, key=key, help=help_text)
    if get_args(kind) and all(isinstance(option, str) for option in get_args(kind)):
        return choice(label, [str(option) for option in get_args(kind)], value, key=key, help=help_text)
    if kind is int:
        return whole(
            label,
            value,
            key=key,
            least=int(max(bounds.get("least", 0), -(10**9))),
            most=int(min(bounds.get("most", 10**9), 10**9)),
            help=help_text,
        )
    if kind is float:
        return _bounded(label, value, key, bounds, help_text)
    if isinstance(value, tuple):
        columns = st.columns(len(value))
        parts = []
        for i, part in enumerate(value):
            with columns[i]:
                parts.append(_bounded(f"{label} {i + 1}", part, f"{key}-{i}", bounds, help_text))
        return tuple(parts)
    return value


def _bounded(label: str, value: float, key: str, bounds: Mapping[str, Any], help_text: str | None) -> float:
    least = max(bounds.get("least", -math.inf), bounds.get("above", -math.inf))
    most = min(bounds.get("most", math.inf), bounds.get("below", math.inf))
    return real(
        label,
        value,
        key=key,
        least=float(least) if math.isfinite(least) else None,
        most=float(most) if math.isfinite(most) else None,
        help=help_text,
    )


def plain(text: str) -> str:
    """Text that came from elsewhere, with every character that Markdown would act on made harmless."""
    # an address becomes a link even with its characters escaped, so a zero-width space goes into it
    for start in ("://", "www.", "@"):
        text = text.replace(start, f"{start[0]}\u200b{start[1:]}")
    return "".join("\\" + c if c in "\\`*_{}[]()<>#+-.!|~$:&" else c for c in text.replace("\n", " "))


def typed_rule(old: gd.TypedRule, *, key: str) -> gd.TypedRule:
    """An update rule as text; what is wrong with it is said in place, and the old one stays."""
    typed = st.text_area(
        "Your rule, a line for each step",
        key=state.seeded(key, old.text),
        height=120,
        max_chars=1000,
        disabled=locks.disabled(),
        help="For every parameter by itself: theta is the parameter, g its gradient, lr the learning rate and t the "
        "number of the update. Any other name keeps its value from update to update, and is 0 at first.",
    )
    try:
        return gd.TypedRule.from_text(typed)
    except gd.ExpressionError as problem:
        refusal(problem)
        return old


def refusal(problem: gd.ExpressionError) -> None:
    """What is wrong with a formula or a rule, and where in its text."""
    with st.container(gap="small"):
        st.error(plain(str(problem)))
        if problem.text:
            st.code(problem.marked, language=None)
