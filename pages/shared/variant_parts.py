"""The parts of a variant's card that every page with variants has: its heading, its rule, its schedule."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from functools import lru_cache
from typing import Any

import streamlit as st

import gd_core as gd
from pages.shared import locks, show, state, widgets
from pages.shared.marks import swatch

MOST_VARIANTS = state.MOST_VARIANTS
YOURS = "your rule"


def forms_of_rules() -> dict[str, gd.Rule]:
    """Every rule by its name on the pages, with its defaults: SGD under its three forms, and a rule to be written."""
    return dict(_forms(tuple(gd.RULES.items())))


@lru_cache(maxsize=4)
def _forms(rules: tuple[tuple[str, type[gd.Rule]], ...]) -> dict[str, gd.Rule]:
    forms: dict[str, gd.Rule] = {
        "plain": gd.SGD(),
        "momentum": gd.SGD(momentum=0.9),
        "Nesterov": gd.SGD(momentum=0.9, nesterov=True),
    }
    forms |= {name: rule() for name, rule in rules if name != "SGD"}
    return forms | {YOURS: gd.TypedRule()}


def heading(i: int, old: gd.Variant, total: int, word: str = "variant") -> str | None:
    """A variant's mark, its name, and what copies or removes it; the name. ``word`` is what the page calls it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        st.html(swatch(i), width=48)
        typed = st.text_input(
            f"Name of {word} {i + 1}",
            key=state.seeded(f"v{i}-label", old.label or ""),
            max_chars=60,
            placeholder=f"{word} {i + 1}",
            label_visibility="collapsed",
            disabled=locks.disabled(),
        )
        full, words = total >= MOST_VARIANTS, f"Add a copy of this {word}"
        widgets.press(
            "", add_copy, i, key=f"copy-{i}", icon=":material/content_copy:", help=words, quiet=True, disabled=full
        )
        last, words = total == 1, f"Remove this {word}"
        widgets.press("", _drop, i, key=f"drop-{i}", icon=":material/delete:", help=words, quiet=True, disabled=last)
    return typed.strip() or None


def add_copy(i: int) -> None:
    """Put a copy of a variant behind it."""
    current = state.experiment()
    copied = current.variants[i]
    label = f"{copied.label} copy"[:60] if copied.label else None
    added = replace(copied, label=label)
    state.change(variants=(*current.variants[: i + 1], added, *current.variants[i + 1 :]))


def _drop(i: int) -> None:
    current = state.experiment()
    state.change(variants=(*current.variants[:i], *current.variants[i + 1 :]))


def choose_rule(old: gd.Rule, number: str) -> gd.Rule:
    """A rule and its settings; an impossible one says so and leaves the old one."""
    forms = forms_of_rules()
    now = old.name if isinstance(old, gd.SGD | gd.TypedRule) else type(old).__name__
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = widgets.choice("Rule", list(forms), now, key=f"{number}-rule")
        rule = old if name == now else forms[name]
        if not isinstance(rule, gd.TypedRule):
            return _settings(rule, name, number)
    return widgets.typed_rule(rule, key=f"{number}-typed")


def _settings(rule: gd.Rule, name: str, number: str) -> gd.Rule:
    with widgets.drawer("Settings", ":material/tune:", key=f"rule-{number}") as opened:
        if not opened:
            return rule
        # the docstring's first paragraph is the rule's recurrence
        st.text((type(rule).__doc__ or "").split("\n\n")[0].replace("<-", "\u2190"), wrap=True)
        skip = {
            "plain": ("momentum", "dampening", "nesterov"),
            "momentum": ("nesterov",),
            "Nesterov": ("nesterov", "dampening"),
        }.get(name, ())
        found: gd.Rule = widgets.settings_of(rule, key=f"{number}-{name}", skip=skip)
        if name == "momentum" and getattr(found, "momentum", 1.0) == 0:
            st.warning("Momentum 0 is the plain rule: choose plain in the menu for it. The last momentum is kept.")
            return rule
        return found


def choose_schedule(old: Any, number: str, known: show.Limits) -> Any:
    """A schedule, its learning rate with what theory knows of it, and its shape."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = {name: _spaced(name) for name in gd.SCHEDULES}
        name = widgets.choice("Schedule", words, type(old).__name__, key=f"{number}-schedule")
        kind = gd.SCHEDULES[name]
        schedule = old if type(old) is kind else kind()
        names = [field.name for field in dataclasses.fields(schedule)]
        if isinstance(getattr(old, "learning_rate", None), float) and "learning_rate" in names:
            schedule = _with_rate(schedule, old.learning_rate)
        shape = st.container(width="content")
    if "learning_rate" in names:
        # before the shape, whose limits may depend on the rate
        rate = widgets.learning_rate(
            "Learning rate", schedule.learning_rate, key=f"{number}-rate", largest=known.largest, best=known.best
        )
        schedule = _with_rate(schedule, rate)
    else:
        st.caption("This schedule finds every rate by itself.")
    if names not in ([], ["learning_rate"]):
        with shape, widgets.drawer("Shape", ":material/trending_down:", key=f"schedule-{number}") as opened:
            if opened:
                schedule = widgets.settings_of(schedule, key=f"{number}-{name}", skip=("learning_rate",))
    return schedule


def _with_rate(schedule: Any, rate: float) -> Any:
    try:
        return replace(schedule, learning_rate=rate)
    except ValueError as problem:
        st.warning(widgets.plain(str(problem)))
        return schedule


def _spaced(name: str) -> str:
    return "".join(f" {c.lower()}" if c.isupper() and i else c for i, c in enumerate(name))
