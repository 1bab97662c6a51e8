"""What the Code page shows: the textbook's function with one's own numbers, its twin in PyTorch, and the programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

import gd_core as gd
from gd_core import figures
from gd_core.comparison import distinct_labels
from gd_core.export import differences, snippets
from gd_core.export.differences import MarkedScript
from gd_core.export.snippets import EXAMPLE, Numbers, Settings
from gd_core.figures import style
from gd_core.figures import text as words
from gd_core.figures.text import number
from pages.shared import chart, locks, marks, state, widgets

if TYPE_CHECKING:
    import pandas as pd

_TYPED = "gd-code"
TITLES = {"numpy": "NumPy", "pytorch": "PyTorch", "scikit-learn": "scikit-learn"}
FILES = {
    "numpy": "gradient_descent_numpy.py",
    "pytorch": "gradient_descent_pytorch.py",
    "scikit-learn": "gradient_descent_scikit_learn.py",
}
VIEWS = {"all": "side by side", **TITLES}
PAIR = ("textbook function", "PyTorch model")


@dataclass(frozen=True, kw_only=True)
class _Typed:
    """What stands in the page's boxes, right or wrong: it outlives a visit to another page."""

    X: str = "1, 2\n2, 3\n3, 4"
    y: str = "2, 4, 6"
    learning_rate: float = EXAMPLE.learning_rate
    num_iterations: int = EXAMPLE.num_iterations


# the numbers


def numbers() -> Numbers:
    """Boxes for the numbers that the textbook's function takes; where they are none, a sentence, and those before."""
    typed: _Typed = st.session_state.get(_TYPED, _Typed())
    left, right = st.columns([3, 2])
    with left:
        X = _box("X, one row a line", typed.X, key="code-X", help=_HOW)
    with right:
        y = _box("y, one a row", typed.y, key="code-y", help=_HOW)
    rate = widgets.learning_rate("learning_rate", typed.learning_rate, key="code-rate")
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        iterations = widgets.whole(
            "num_iterations", typed.num_iterations, key="code-iterations", least=1, most=snippets.MOST_ITERATIONS
        )
    now = _Typed(X=X, y=y, learning_rate=rate, num_iterations=iterations)
    st.session_state[_TYPED] = now
    with right:
        widgets.press("Reset", _forget, key="code-back", icon=":material/undo:", disabled=now == _Typed())
    try:
        found = Numbers(
            X=snippets.matrix_from(X), y=snippets.vector_from(y), learning_rate=rate, num_iterations=iterations
        )
    except ValueError as problem:
        st.error(widgets.plain(f"{problem}. What is shown is still about the numbers before."))
        before: Numbers = st.session_state.get(f"{_TYPED}-numbers", EXAMPLE)
        found = replace(before, learning_rate=rate, num_iterations=iterations)
    st.session_state[f"{_TYPED}-numbers"] = found
    return found


_HOW = (
    f"Numbers with a decimal point, parted by commas or spaces: at most {snippets.MOST_ROWS} rows of "
    f"{snippets.MOST_COLUMNS}. Brackets may stay."
)


def _box(label: str, value: str, *, key: str, help: str) -> str:
    found = state.seeded(key, value)
    return str(st.text_area(label, key=found, height=122, max_chars=4000, help=help, disabled=locks.disabled()) or "")


def _forget() -> None:
    st.session_state.pop(_TYPED, None)
    former = state.key("code-")
    for name in [name for name in st.session_state if str(name).startswith(former)]:
        del st.session_state[name]


# the textbook's function


@dataclass(frozen=True, kw_only=True, eq=False)
class _Textbook:
    """What the textbook's function gives, the same descent recorded, and its loss curve."""

    theta: Any
    run: gd.Run
    limit: float
    unique: bool
    figure: str


@st.cache_resource(max_entries=64, show_spinner=False)
def _textbook(key: str, _numbers: Numbers) -> _Textbook:
    run = snippets.textbook_run(_numbers)
    X = np.array(_numbers.X)
    # an exact fit's loss is zero but for rounding, which would take the whole of a logarithmic axis
    level = _exact(run).value > 1e-12 * run.loss[0]
    drawn = figures.loss_curves([run], labels=[PAIR[0]], against="updates", optimum=None if level else False)
    return _Textbook(
        theta=snippets.textbook_theta(_numbers),
        run=run,
        limit=gd.curvature(run.problem).max_stable_learning_rate,
        unique=bool(np.linalg.matrix_rank(X) == X.shape[1]),
        figure=chart.to_wire(drawn),
    )


def textbook_code(typed: Numbers) -> None:
    """The textbook's function and its call, as a program, and what it prints."""
    st.code(snippets.textbook_snippet(typed), language="python")
    _printed(str(_textbook(repr(typed), typed).theta), "It prints")


def textbook_result(typed: Numbers) -> None:
    """The result beside the exact solution, the loss on the way, and how the descent ended."""
    found = _textbook(repr(typed), typed)
    _ending(found.run)
    st.dataframe(_beside_exact(found))
    apart = float(np.linalg.norm(found.theta - _exact(found.run).theta))
    if np.isfinite(apart):
        st.write(
            f"Distance to the exact solution: **{number(apart)}**. The largest stable learning rate on these rows is "
            f"**{number(found.limit)}**."
            + (" More iterations, or a rate closer to that, come nearer." if apart > 1e-6 else "")
        )
    else:
        st.write(
            "The function itself never looks: it multiplies on until its numbers overflow. The curve ends where the "
            f"lab stopped. The largest stable learning rate on these rows is **{number(found.limit)}**."
        )
    if not found.unique:
        st.caption(
            "These rows leave a direction open, so many solutions are exact. The table shows the shortest, which is "
            "also where a descent from zeros is headed."
        )
    chart.show(
        found.figure,
        key="code-textbook",
        summary=words.describe_loss([found.run], [PAIR[0]]),
        height=300,
        table=lambda: found.run.to_frame(),
    )


def _exact(run: gd.Run) -> gd.Optimum:
    if run.problem.optimum is None:
        raise ValueError("these numbers have no exact solution")
    return run.problem.optimum


def _beside_exact(found: _Textbook) -> pd.DataFrame:
    import pandas as pd

    exact = _exact(found.run).theta
    # what is only the rounding of zero would read like a result
    exact = np.where(np.abs(exact) < 1e-12 * np.abs(exact).max(initial=0.0), 0.0, exact)
    with np.errstate(all="ignore"):
        columns = {PAIR[0]: found.theta, "exact solution": exact, "apart": np.abs(found.theta - exact)}
    shown = {name: [_number(float(value)) for value in values] for name, values in columns.items()}
    return pd.DataFrame(shown, index=[f"theta[{j}]" for j in range(len(exact))])


def _number(value: float) -> str:
    if np.isnan(value):
        return "not a number"
    return number(value) if np.isfinite(value) else ("infinite" if value > 0 else "minus infinite")


def _ending(run: gd.Run) -> None:
    if run.outcome is gd.Outcome.DIVERGED:
        st.error(widgets.plain(run.explanation), icon=":material/trending_up:")
    else:
        st.text(run.explanation, wrap=True)


def _printed(text: str, caption: str) -> None:
    st.caption(caption)
    st.code(text, language=None)


# PyTorch, and the trap between the two


def explain_trap() -> None:
    """Where the two programs differ though they look alike."""
    st.write(
        "Both programs say gradient descent, squared error and the same learning rate, yet they end elsewhere. With "
        r"$m$ rows $x_i$, targets $y_i$ and parameters $\theta$:"
    )
    st.markdown(
        r"""
- **The textbook halves the loss.** Its gradient is
  $\frac{1}{m} X^\top (X\theta - y)$, that of $\frac{1}{2m} \sum_i (x_i^\top \theta - y_i)^2$.
  `MSELoss` is $\frac{1}{m} \sum_i (x_i^\top \theta - y_i)^2$: its gradient is twice as long, and so is every step
  at the same rate. It also diverges at half the rate.
- **`optim.SGD` is not stochastic by itself.** It steps along whatever gradient it is handed. Here all rows go in at
  once, so this is batch descent in spite of the name.
- **`nn.Linear` adds a bias**, one parameter more, which the textbook's function does not have: it would need a column
  of ones in $X$."""
    )
    st.write("Undo the first and the last with the switches, and the two take the same path.")


def settings() -> Settings:
    """The two switches that bring the PyTorch program to the textbook's path."""
    kept: Settings = st.session_state.get(f"{_TYPED}-settings", Settings())
    halved = widgets.switch("Halve the learning rate of optim.SGD", kept.halved, key="code-halved")
    plain = widgets.switch("Leave out the bias of nn.Linear", not kept.bias, key="code-no-bias")
    st.session_state[f"{_TYPED}-settings"] = Settings(halved=halved, bias=not plain)
    return Settings(halved=halved, bias=not plain)


def pytorch_code(typed: Numbers, chosen: Settings) -> None:
    """The PyTorch program and what it prints."""
    st.code(snippets.pytorch_snippet(typed, chosen), language="python")
    printed = snippets.pytorch_printed(typed, chosen)
    stored = typed == EXAMPLE
    _printed(
        printed,
        "It prints (kept from PyTorch 2.13, which does not run on this server)"
        if stored
        else "It prints (worked out by the lab: PyTorch does not run on this server)",
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pair:
    """Both descents as they were, and with their losses measured alike; the figure; how far their weights are apart."""

    runs: tuple[gd.Run, gd.Run]
    alike: tuple[gd.Run, gd.Run]
    apart: tuple[float, float]
    figure: str


@st.cache_resource(max_entries=64, show_spinner=False)
def _pair(key: str, _numbers: Numbers, _chosen: Settings) -> _Pair:
    textbook, pytorch = snippets.textbook_run(_numbers), snippets.pytorch_run(_numbers, _chosen)
    alike = (textbook, snippets.measured_alike(pytorch))
    drawn = figures.loss_curves(alike, labels=PAIR, against="updates", optimum=False)
    apart = snippets.weights_apart(textbook, pytorch)
    return _Pair(runs=(textbook, pytorch), alike=alike, apart=apart, figure=chart.to_wire(drawn))


def both(typed: Numbers, chosen: Settings) -> None:
    """Both descents in one figure, and the difference of their weights as a number."""
    pair = _pair(repr((typed, chosen)), typed, chosen)
    one = len({run.outcome is gd.Outcome.DIVERGED for run in pair.runs}) == 2
    final, most = ("one diverged",) * 2 if one else map(_number, pair.apart)
    left, right = st.columns(2)
    left.metric("Weights apart at the end", final)
    right.metric("Weights apart at most", most)
    if max(pair.apart) == 0:
        st.success(
            "The two descents coincide: the same weights at every recorded update, to the last bit.",
            icon=":material/check:",
        )
    else:
        st.write(_apart_sentence(chosen))
    for label, run in zip(PAIR, pair.runs, strict=True):
        if run.outcome is gd.Outcome.DIVERGED:
            st.error(widgets.plain(f"{label}: {run.explanation}"), icon=":material/trending_up:")
    ends = "One of the two diverged." if one else f"Their weights end {final} apart, and are {most} apart at most."
    chart.show(
        pair.figure,
        key="code-trap",
        summary=f"{words.describe_loss(pair.alike, PAIR)} {ends}",
        height=340,
        table=lambda: _records(pair.alike),
    )
    st.caption("Both curves show half squared error, whatever loss a descent follows, so that they can be compared.")


def _apart_sentence(chosen: Settings) -> str:
    reasons = []
    if not chosen.halved:
        reasons.append("at the same rate every step of the PyTorch model is twice as long")
    if chosen.bias:
        reasons.append("it fits one parameter more, the bias")
    if not reasons:
        return "What is left between them is rounding."
    return f"Not the same descent: {', and '.join(reasons)}."


def _records(together: tuple[gd.Run, gd.Run]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(
        [run.to_frame().assign(descent=label) for label, run in zip(PAIR, together, strict=True)], ignore_index=True
    )


# the experiment in hand as programs


@st.cache_resource(max_entries=96, show_spinner=False)
def _program(
    key: str, fingerprint: str, language: str, _experiment: gd.Experiment, _data: gd.Dataset | None
) -> MarkedScript | str:
    """The program, or the sentence that says why there is none."""
    try:
        return differences.marked_script(_experiment, language, _data)
    except ValueError as problem:
        return str(problem)


def needs_data(experiment: gd.Experiment) -> bool:
    """Whether a program needs a data set to be about: a descent on a surface does not."""
    return not isinstance(experiment.data, gd.OnSurface)


def programs(experiment: gd.Experiment, data: gd.Dataset | None) -> None:
    """The experiment's program in each language, the lines of single variants marked, each to be downloaded."""
    fingerprint = "" if data is None else data.fingerprint
    found = {name: _program(experiment.key, fingerprint, name, experiment, data) for name in TITLES}
    labels = distinct_labels(experiment.variants)
    _legend(labels)
    view = widgets.segments("Show", VIEWS, st.session_state.get(f"{_TYPED}-view", "all"), key="code-view")
    st.session_state[f"{_TYPED}-view"] = view
    shown = list(TITLES) if view == "all" else [view]
    styles = [_marking(name, program) for name in shown if isinstance(program := found[name], MarkedScript)]
    st.html(f"<style>{_MARKING}{''.join(styles)}</style>")
    columns = st.columns(len(shown))
    for column, language in zip(columns, shown, strict=True):
        with column:
            _show(language, found[language], labels)


def _legend(labels: Sequence[str]) -> None:
    if len(labels) < 2:
        st.caption("With a second variant on Compare, the lines in which the variants differ are marked here.")
        return
    st.caption(
        "A line with a bar is there, or reads as it does, for the variants whose numbers it bears; "
        "a line without is there for all."
    )
    with st.container(horizontal=True, gap="medium", key="gd-code-legend"):
        for i, label in enumerate(labels):
            with st.container(horizontal=True, gap="small", width="content", vertical_alignment="center"):
                st.html(marks.swatch(i), width="content")
                st.text(f"{i + 1}  {style.shorten(label)}", width="content")


def _show(language: str, found: MarkedScript | str, labels: Sequence[str]) -> None:
    st.subheader(TITLES[language], anchor=False)
    if isinstance(found, str):
        st.info(widgets.plain(f"This experiment has no program in {TITLES[language]}: {found}"))
        return
    with st.container(key=f"gd-code-{language}"):
        # wrapped lines are what gives every line an element of its own, which the marks need; they do not wrap
        st.code(found.text, language="python", wrap_lines=True, height=620)
    st.download_button(
        f"Download {FILES[language]}",
        found.text,
        file_name=FILES[language],
        mime="text/x-python",
        key=state.key(f"code-download-{language}"),
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    if len(labels) > 1:
        with st.expander("The marked lines in words", key=f"gd-words-{language}"):
            st.text(_in_words(found, labels))


_MARKING = """
[class*="st-key-gd-code-"] code { display: block; width: max-content; min-width: 100%; white-space: pre !important; }
[class*="st-key-gd-code-"] code > span { display: block; padding-left: 2.25rem; position: relative; }
[class*="st-key-gd-code-"] code > span::before {
    position: absolute; left: 0.25rem; font-size: 0.7em; font-weight: 600; opacity: 0.85; user-select: none;
}
"""
# as the charts' dashes, as far as a border can tell them apart
_BARS = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "double", "longdash": "dashed"}


def _marking(language: str, found: MarkedScript) -> str:
    """Style that marks lines by their number alone: the program's text goes to the page as code, and nowhere else."""
    groups: dict[frozenset[int], list[int]] = {}
    for line, owners in enumerate(found.lines, start=1):
        if owners:
            groups.setdefault(owners, []).append(line)
    rules = []
    for owners, lines in groups.items():
        look = style.look(min(owners))
        colour = look.colour if len(owners) == 1 else style.NEUTRAL
        bar = _BARS.get(look.dash, "double") if len(owners) == 1 else "solid"
        ranges = (f":nth-child(n+{first}):nth-child(-n+{last})" for first, last in _stretches(lines))
        where = f".st-key-gd-code-{language} code > span:is({', '.join(ranges)})"
        rules.append(
            f"{where} {{ background: {style.faded(colour, 0.14)}; border-left: 4px {bar} {colour}; "
            f'padding-left: 2rem; }} {where}::before {{ content: "{_bears(owners)}"; }}'
        )
    return "\n".join(rules)


def _bears(owners: frozenset[int]) -> str:
    return " ".join(str(owner + 1) for owner in sorted(owners))


def _stretches(lines: Sequence[int]) -> list[tuple[int, int]]:
    """Growing line numbers as stretches without a gap, first and last."""
    found: list[tuple[int, int]] = []
    for line in lines:
        if found and found[-1][1] == line - 1:
            found[-1] = found[-1][0], line
        else:
            found.append((line, line))
    return found


def _in_words(found: MarkedScript, labels: Sequence[str]) -> str:
    """Which lines are there for a variant and not for all, for who does not see the bars."""
    told = []
    for i, label in enumerate(labels):
        stretches = _stretches(found.lines_of(i))
        places = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in stretches)
        told.append(f"{i + 1} {style.shorten(label)}: {f'lines {places}' if places else 'no line of its own'}.")
    return "\n".join(told)
