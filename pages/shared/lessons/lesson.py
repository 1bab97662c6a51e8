"""What all lessons share: the form of a computed lesson, its control, its place on the page, and its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

import gd_core as gd
from pages.shared import chart

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
# of each lesson's settings, all can be kept: a slider has at most this many places
MOST_KEPT = 32
_KEY = "learn"


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One computed lesson: what its numbers say (Markdown of our own), its figures with their words, and its table."""

    says: str
    figures: tuple[str, ...]
    summaries: tuple[str, ...]
    table: Callable[[], pd.DataFrame]


def show(lesson: Lesson, *, key: str, height: int = 300) -> None:
    """Draw a computed lesson below its control."""
    chart.show(
        list(lesson.figures),
        key=f"{_KEY}-{key}-chart",
        summary=list(lesson.summaries),
        height=height,
        table=lesson.table,
    )
    st.markdown(lesson.says)


def slide(label: str, options: Sequence[T], start: T, *, key: str, shown: Callable[[Any], str] = str) -> T:
    """The lesson's one control: a slider over a few values."""
    found = f"{_KEY}-{key}"
    if found not in st.session_state:
        st.session_state[found] = start
    picked: T = st.select_slider(label, options, key=found, format_func=shown, persist_state="session")
    return picked


def choose(label: str, names: Mapping[str, str], *, key: str) -> str:
    """The lesson's one control: one of a few names, all in sight; the first to begin with."""
    found, first = f"{_KEY}-{key}", next(iter(names))
    if found not in st.session_state:
        st.session_state[found] = first
    picked = st.segmented_control(
        label, list(names), key=found, format_func=lambda name: names[name], required=True, persist_state="session"
    )
    return str(picked or first)


class Places:
    """The lessons' places on the page, filled once all words stand: a person reads while the engine still starts."""

    def __init__(self) -> None:
        self._places: list[tuple[Any, Callable[[], None]]] = []

    @contextmanager
    def beside(self, lesson: Callable[[], None]) -> Iterator[None]:
        """Words on the left, the lesson on the right; on a phone below them."""
        words, live = st.columns([4, 7], gap="medium")
        self._places.append((live.container(key=f"{_KEY}-place-{len(self._places)}"), lesson))
        with words:
            yield

    def fill(self) -> None:
        """Draw the lessons, from the top of the page down."""
        # an empty place keeps about the height that its lesson will have, so that the words below it do not jump
        st.html(f'<style>[class*="st-key-{_KEY}-place-"] {{ min-height: 27rem; }}</style>')
        for place, lesson in self._places:
            with place:
                lesson()


@st.cache_resource(show_spinner=False)
def ravine(*, n_samples: int = 200, noise: float = 0.5, condition_number: float = 10.0) -> gd.Regression:
    """Two slopes without an intercept: a loss that is curved 1 one way and 1 / condition_number the other."""
    data = gd.generate(
        "linear", n_samples=n_samples, n_features=2, noise=noise, condition_number=condition_number, seed=3
    )
    return gd.Regression(data, scaling="none", intercept=False)


def rough(value: float) -> str:
    """A factor with two digits, for a sentence."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def in_latex(value: float) -> str:
    """A number with two digits as LaTeX between dollar signs, so that no page shows 5e-06."""
    lead, power = f"{value:.1e}".split("e")
    if -4 < int(power) < 4:
        return f"${value:.2g}$"
    return rf"${lead.removesuffix('.0')} \cdot 10^{{{int(power)}}}$"


def until(run: gd.Run, count: int) -> gd.Run:
    """The run as it was after so many updates, the first ones of which are all recorded."""
    records = ("updates", "examples", "epochs", "theta", "learning_rate")
    return replace(run, **{name: getattr(run, name)[: count + 1] for name in records})


def plane_at(problem: gd.Regression, runs: Sequence[gd.Run], window: gd.Plane) -> gd.Plane:
    """The paths of the runs on a plane whose window stays the same whatever they do."""
    return replace(window, paths=gd.plane(problem, runs, resolution=2).paths)


def wire(*figures: Any) -> tuple[str, ...]:
    """The figures as the chart view takes them."""
    return tuple(chart.to_wire(figure) for figure in figures)
