"""Figures: what they draw is what was recorded, whatever a run or a name looks like, and it is small on the wire."""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gd_core as gd
from gd_core import figures
from gd_core.curvature import curvature
from gd_core.descent import Budget, Variant, descend
from gd_core.figures import curves, data, landscape, style, text
from gd_core.landscape import plane

HOSTILE = (
    '<a href="javascript:alert(1)">x</a>',
    "**bold** ![i](https://example.com/i.png)",
    "<b>b</b><br>&amp;%{customdata[0]}",
    "n" * 10_000,
    "two\nlines\u202eturned\ud800",
)
VARIANTS = (
    Variant(),
    Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.02)),
    Variant(sampling=gd.MiniBatch(16), rule=gd.Adam()),
    Variant(rule=gd.SGD(momentum=0.9, nesterov=True)),
    Variant(schedule=gd.Constant(7.0), label="diverging"),
    Variant(schedule=gd.Constant(1e308), label="lost at once"),
)


def regression(n_features: int, **model: Any) -> gd.Regression:
    kind = "linear" if n_features == 1 else "correlated"
    return gd.Regression(gd.generate(kind, n_samples=120, n_features=n_features), **model)


def some_runs(n_features: int, *, epochs: int = 30, **model: Any) -> list[gd.Run]:
    problem = regression(n_features, **model)
    return [descend(problem, variant, Budget(epochs=epochs)) for variant in VARIANTS]


RUNS = {n_features: some_runs(n_features) for n_features in (1, 2, 9)}


def unpacked(node: Any) -> Any:
    """The figure's content with its packed arrays as NumPy arrays."""
    if isinstance(node, dict) and "bdata" in node:
        found = np.frombuffer(base64.b64decode(node["bdata"]), dtype=f"<{node['dtype']}")
        shape = node.get("shape")
        return found if shape is None else found.reshape([int(size) for size in str(shape).split(",")])
    if isinstance(node, dict):
        return {name: unpacked(value) for name, value in node.items()}
    return [unpacked(value) for value in node] if isinstance(node, list | tuple) else node


def content(figure: go.Figure) -> dict[str, Any]:
    return unpacked(json.loads(figure.to_json()))


def leaves(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [leaf for value in node.values() for leaf in leaves(value)]
    return [leaf for value in node for leaf in leaves(value)] if isinstance(node, list) else [node]


def check(figure: go.Figure, most_bytes: int = 100_000) -> dict[str, Any]:
    """Every figure: small, no infinite number anywhere, no mark-up but our own in the templates."""
    written = figure.to_json()
    assert len(written) < most_bytes
    assert "Infinity" not in written
    assert "NaN" not in written
    found = content(figure)
    for leaf in leaves(found):
        if isinstance(leaf, np.ndarray):
            assert not np.isinf(leaf).any()
        elif isinstance(leaf, str):
            assert not re.search(r"<(?!/?b>|br>|/?extra>)", leaf), leaf
            assert len(leaf) < 1000
    assert isinstance(found["layout"]["uirevision"], str)
    assert found["layout"]["meta"]["note"] == figures.note_of(figure)
    # the page's theme gives these
    assert not {"paper_bgcolor", "plot_bgcolor", "font", "colorway"} & set(found["layout"])
    return found


def traces(found: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
    return [trace for trace in found["data"] if all(trace.get(name) == value for name, value in wanted.items())]


def every_figure(runs: list[gd.Run], labels: list[str]) -> dict[str, go.Figure]:
    problem = runs[0].problem
    over = plane(problem, runs, resolution=20)
    thetas = [run.final for run in runs]
    return {
        "loss": figures.loss_curves(runs, labels=labels, predicted=[run.loss for run in runs], validation=True),
        "rates": figures.learning_rates(runs, labels=labels),
        "norms": figures.gradient_norms(runs, labels=labels),
        "surface": figures.surface_paths(over, labels=labels, runs=runs),
        "linear surface": figures.surface_paths(over, labels=labels, height="linear", title=labels[0]),
        "scene": figures.surface_scenes(over, labels=labels)[-1],
        "contour": figures.contour_paths(over, labels=labels, runs=runs, arrows=[figures.Arrow(0, 0, 1, 1, labels[0])]),
        "fit": figures.fit(problem, thetas, labels),
        "scatter": figures.scatter(problem.dataset, highlight=[1, 5]),
        "panels": figures.scatter(problem.dataset, panels=3),
        "correlations": figures.correlations(problem.dataset),
        "eigenvalues": figures.eigenvalues([curvature(problem)] * 2, labels[:2]),
    }


# all figures, over runs of every ending


@pytest.mark.parametrize("n_features", [1, 2, 9])
def test_every_figure_of_every_ending_is_finite_and_small(n_features: int) -> None:
    runs = RUNS[n_features]
    assert {run.outcome.value for run in runs} == {"budget spent", "diverged"}
    assert min(len(run.updates) for run in runs) == 1
    for figure in every_figure(runs, [run.label for run in runs]).values():
        check(figure)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_from_outside_are_harmless(hostile: str) -> None:
    drawn = gd.generate("correlated", n_samples=60, n_features=2)
    named = gd.Dataset(drawn.X, drawn.y, (hostile, f"{hostile}2"), hostile, hostile)
    problem = gd.Regression(named, validation=0.2)
    runs = [descend(problem, Variant(schedule=gd.Constant(rate), label=hostile), Budget(epochs=5)) for rate in (0.1, 9)]
    for figure in every_figure(runs, [hostile, hostile]).values():
        found = check(figure)
        for leaf in leaves(found):
            if isinstance(leaf, str):
                # only our own templates ask for values, and none of them asks for this one
                assert "%{customdata[0]}" not in leaf
                assert "\u202e" not in leaf
    for words in (
        text.describe_loss(runs, [hostile, hostile]),
        text.describe_plane(plane(problem, runs, resolution=5), [hostile, hostile]),
        text.describe_fit(problem, [run.final for run in runs], [hostile, hostile]),
        text.describe_data(named),
        text.describe_eigenvalues([curvature(problem)], [hostile]),
    ):
        assert len(words) < 800
        words.encode("utf-8")


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("plain", "plain"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("&amp;", "&amp;amp;"),
        ("%{x}", "% {x}"),
        ("a\n\tb", "a b"),
        ("héllo 数据", "héllo 数据"),
    ],
)
def test_escape(given_text: str, expected: str) -> None:
    assert figures.escape(given_text) == expected


def test_a_long_name_keeps_both_ends() -> None:
    short = figures.shorten("first " + "x" * 10_000 + " (2)")
    assert len(short) == style.LONGEST_TEXT
    assert short.startswith("first ")
    assert short.endswith("x (2)")


# style


def linear(colour: str) -> np.ndarray:
    """sRGB to linear light (IEC 61966-2-1)."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The WCAG 2 contrast ratio."""
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


# Machado, Oliveira and Fernandes, 2009, severity 1
EYES = {
    "all cones": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lab(light: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of linear sRGB, D65."""
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    )
    x, y, z = np.cbrt(to_xyz @ light / [0.95047, 1, 1.08883])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("background", ["#ffffff", "#0e1117", "#10151c"])
@pytest.mark.parametrize("colour", [*style.COLOURS, style.NEUTRAL])
def test_colours_stand_out_on_both_backgrounds(colour: str, background: str) -> None:
    assert contrast(colour, background) >= 3


@pytest.mark.parametrize("eyes", EYES)
def test_colours_differ_for_all_eyes(eyes: str) -> None:
    seen = [lab(np.clip(np.array(EYES[eyes]) @ linear(colour), 0, 1)) for colour in style.COLOURS]
    # 2.3 is a just noticeable difference
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


def test_the_surface_only_grows_darker_and_shows_every_path() -> None:
    scale = [colour for _, colour in style.SURFACE_SCALE]
    lightness = [lab(linear(colour))[0] for colour in scale]
    assert lightness == sorted(lightness, reverse=True)
    # two just noticeable differences and more in lightness alone, where paths end
    assert all(contrast(colour, scale[0]) > 2.5 for colour in style.COLOURS)


def test_looks_differ_in_more_than_colour() -> None:
    looks = [style.look(i) for i in range(30)]
    assert len(set(looks)) == 30
    for codes in zip(*looks[:6], strict=True):
        assert len(set(codes)) == 6


def test_the_theme_has_the_figures_colours() -> None:
    theme = tomllib.loads(Path(__file__).parents[1].joinpath(".streamlit/config.toml").read_text("utf-8"))["theme"]
    assert tuple(theme["chartCategoricalColors"][:6]) == style.COLOURS


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_compact_numbers_are_finite_or_gaps_and_as_good_as_the_given(values: np.ndarray) -> None:
    drawn = style.compact(values)
    known = np.isfinite(values)
    assert np.array_equal(np.isfinite(drawn), known)
    if known.any():
        with np.errstate(over="ignore"):
            span = np.ptp(values[known])
        wrong = np.abs(drawn[known].astype(np.float64) - values[known])
        assert np.all(wrong <= span / 3000) or not np.any(wrong)
        assert np.array_equal(drawn[known] == 0, values[known] == 0)


# thinning and cutting


@settings(max_examples=50)
@given(arrays(np.float64, st.integers(700, 2000), elements=st.floats(-1e6, 1e6)), st.integers(20, 500))
def test_thin_curve_keeps_ends_and_extremes(y: np.ndarray, most: int) -> None:
    kept = style.thin_curve(np.arange(len(y)), y, most)
    assert len(kept) <= most + 2
    assert {0, len(y) - 1} <= set(kept)
    assert np.all(np.diff(kept) > 0)
    # within a pixel
    assert y[kept].max() >= y.max() - np.ptp(y) / style.PIXELS
    assert y[kept].min() == y.min()


def test_thin_curve_keeps_a_single_peak_and_its_neighbourhood() -> None:
    y = np.zeros(2000)
    y[777] = 1.0
    y[3] = np.nan
    assert 777 in style.thin_curve(np.arange(2000.0), y, 100)


@settings(max_examples=50)
@given(arrays(np.float64, st.tuples(st.integers(400, 900), st.just(2)), elements=st.floats(-1e9, 1e9)))
def test_thin_path_keeps_ends_and_extremes(points: np.ndarray) -> None:
    kept = style.thin_path(points, np.ones(2), 300)
    assert len(kept) <= 302
    assert {0, len(points) - 1} <= set(kept)
    assert np.allclose(points[kept].max(axis=0), points.max(axis=0), atol=1 / style.PIXELS)
    assert np.allclose(points[kept].min(axis=0), points.min(axis=0), atol=1 / style.PIXELS)


BOX = np.array([[0.0, 1.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("points", "pieces", "exits"),
    [
        ([(0.2, 0.2), (0.4, 0.4)], [(0.2, 0.2), (0.4, 0.4)], []),
        ([(0.5, 0.5), (2.5, 0.5)], [(0.5, 0.5), (1.0, 0.5)], [(1.0, 0.5)]),
        ([(-1, 0.5), (3, 0.5)], [(0, 0.5), (1, 0.5)], [(1, 0.5)]),
        ([(0.5, 0.5), (0.5, 2), (0.5, 0.5)], [(0.5, 0.5), (0.5, 1), "gap", (0.5, 1), (0.5, 0.5)], [(0.5, 1)]),
        ([(-1, 2), (3, 2)], [], []),
        ([(2, 2)], [], []),
        ([(0.5, 0.5)], [(0.5, 0.5)], []),
        ([(0.5, 0.5), (0.5, 0.5)], [(0.5, 0.5), (0.5, 0.5)], []),
        ([(0.5, 0.5), (math.nan, 0.5), (0.5, 0.6)], [], []),
        ([(0.5, 0.5), (1e300, 0.5)], [(0.5, 0.5), (1.0, 0.5)], [(1.0, 0.5)]),
    ],
)
def test_cut_to_window(points: list[Any], pieces: list[Any], exits: list[Any]) -> None:
    found, left = landscape.cut_to_window(np.array(points, dtype=float), BOX)
    wanted = [(math.nan, math.nan) if piece == "gap" else piece for piece in pieces]
    np.testing.assert_allclose(found, np.array(wanted, dtype=float).reshape(-1, 2))
    np.testing.assert_allclose(left, np.array(exits, dtype=float).reshape(-1, 2))


@settings(max_examples=100)
@given(arrays(np.float64, st.tuples(st.integers(2, 40), st.just(3)), elements=st.floats(-5, 5)))
def test_cut_paths_stay_in_the_box_and_keep_what_was_inside(points: np.ndarray) -> None:
    box = np.array([[-1.0, 1.0]] * 3)
    found, left = landscape.cut_to_window(points, box)
    drawn = found[np.isfinite(found).all(axis=1)]
    assert np.all(np.abs(drawn) <= 1 + 1e-9)
    assert np.all(np.abs(np.abs(left).max(axis=1, initial=0) - 1) < 1e-9)
    inside = points[np.abs(points).max(axis=1) <= 1]
    assert {tuple(point) for point in inside} <= {tuple(point) for point in drawn}


# curves


@pytest.mark.parametrize("against", curves.AXES)
def test_curves_draw_recorded_points_to_the_last_digit(against: Any) -> None:
    run = descend(regression(2), Variant(sampling=gd.Stochastic()), Budget(updates=50_000))
    (line,) = traces(check(figures.loss_curves([run], against=against, optimum=False)), type="scatter")
    place = {"epochs": run.epochs, "updates": run.updates, "examples": run.examples}.get(against)
    place = run.updates * run.seconds / 50_000 if place is None else place
    recorded = dict(zip(np.float32(place), run.loss, strict=True))
    assert len(line["x"]) <= curves.MOST_POINTS + 2 < len(run.updates)
    assert [recorded[np.float32(x)] for x in line["x"]] == list(line["customdata"][:, -1])
    assert line["customdata"][0, -1] == run.loss[0]
    assert line["customdata"][-1, -1] == run.loss[-1]
    assert line["customdata"][:, -1].max() == pytest.approx(run.loss.max(), rel=1e-2)


@pytest.mark.parametrize("n_variants", [3, 6])
def test_long_noisy_curves_stay_small(n_variants: int) -> None:
    run = descend(regression(2), Variant(sampling=gd.Stochastic()), Budget(updates=50_000))
    assert len(run.updates) > 1900
    figure = figures.loss_curves([run] * n_variants, against="seconds")
    assert len(figure.to_json()) < 24_000 * n_variants


def test_divergence_is_marked_where_the_curve_leaves_and_the_numbers_stay() -> None:
    runs = [RUNS[2][i] for i in (0, 4)]
    for log_loss, log_axis in itertools.product((True, False), (True, False)):
        found = check(figures.loss_curves(runs, log_loss=log_loss, log_axis=log_axis, against="updates"))
        (mark,) = [trace for trace in found["data"] if trace.get("text")]
        assert mark["text"] == [f"diverged at update {runs[1].diverged_at:,}"]
        line = traces(found, name="diverging")[0]
        assert line["customdata"][-1, -1] == runs[1].loss[-1]
        top = found["layout"]["yaxis"]["range"][1]
        assert mark["y"][0] == pytest.approx(10**top if log_loss else top)
        assert mark["y"][0] < runs[1].loss[-1]
        assert runs[1].updates[0] <= mark["x"][0] <= runs[1].updates[-1]
        assert "double-click" in figures.note_of(figures.loss_curves(runs))


def test_nothing_is_left_out_where_all_or_none_diverged() -> None:
    for runs in ([RUNS[2][4]], RUNS[2][:3]):
        assert "range" not in check(figures.loss_curves(runs))["layout"]["yaxis"]


def test_the_excess_loss_has_no_rounding_of_a_difference() -> None:
    problem = regression(2)
    run = descend(problem, Variant(rule=gd.SGD(momentum=0.5), schedule=gd.Constant(0.3)), Budget(updates=400))
    (line,) = check(figures.loss_curves([run], excess=True, against="updates"))["data"]
    away = run.theta - problem.optimum.theta
    expected = 0.5 * np.einsum("kj,jl,kl->k", away, problem.quadratic.hessian, away)
    known = np.isfinite(line["y"])
    np.testing.assert_allclose(line["y"][known], expected[line["x"].astype(int)][known], rtol=1e-5)
    assert 0 < line["y"][known].min() < 1e-20
    assert "optimum" in check(figures.loss_curves([run], excess=True))["layout"]["yaxis"]["title"]["text"]


def test_the_optimum_is_drawn_where_it_is_known_and_the_axis_can_show_it() -> None:
    runs = RUNS[2][:2]
    optimum = runs[0].problem.optimum.value
    (level,) = traces(check(figures.loss_curves(runs)), name="exact optimum")
    assert level["y"] == [optimum, optimum]
    assert traces(check(figures.loss_curves(runs, optimum=0.25)), name="exact optimum")[0]["y"] == [0.25, 0.25]
    assert not traces(check(figures.loss_curves(runs, optimum=False)), name="exact optimum")
    assert not traces(check(figures.loss_curves(runs, optimum=0.0)), name="exact optimum")
    assert runs[0].problem.loss_title in check(figures.loss_curves(runs))["layout"]["yaxis"]["title"]["text"]


def test_bands_are_the_comparisons_and_open_where_a_seed_diverged() -> None:
    variants = [Variant(sampling=gd.Stochastic()), Variant(sampling=gd.Stochastic(), schedule=gd.Constant(2.0))]
    comparison = gd.compare(regression(2), variants, Budget(epochs=4), seeds=4)
    bands = [comparison.band(0), comparison.band(1)]
    assert np.isinf(bands[1].high).any()
    figure = figures.loss_curves(comparison.runs, bands=bands, against="updates")
    found = check(figure)
    (median,) = [trace for trace in traces(found, type="scatter") if "median of 4" in trace.get("name", "")][:1]
    at = np.searchsorted(bands[0].updates, median["customdata"][:, 0])
    np.testing.assert_array_equal(median["customdata"][:, 1], bands[0].median[at])
    shade = next(trace for trace in found["data"] if trace.get("fill") == "toself")
    half = len(shade["x"]) // 2
    assert np.all(shade["y"][:half] <= shade["y"][half:][::-1])
    for against in curves.AXES:
        check(figures.loss_curves(comparison.runs, bands=[bands[0], None], against=against, excess=True))


def test_companions_stand_beside_their_variant() -> None:
    problem = regression(2, validation=0.3)
    runs = [descend(problem, Variant(), Budget(epochs=5))]
    found = check(figures.loss_curves(runs, labels=["a"], predicted=[runs[0].loss], validation=True))
    names = [trace["name"] for trace in found["data"]]
    assert names == ["a", "a: validation", "a: predicted", "exact optimum"]
    np.testing.assert_allclose(found["data"][1]["y"], runs[0].validation_loss, rtol=1e-6)


def test_revision_changes_with_what_the_axes_mean() -> None:
    runs = RUNS[2][:2]
    asked = [
        {"against": against, "log_loss": log_loss, "log_axis": log_axis, "excess": excess}
        for against, log_loss, log_axis, excess in itertools.product(curves.AXES, *[(True, False)] * 3)
    ]
    assert len({figures.loss_curves(runs, **each).layout.uirevision for each in asked}) == len(asked)
    assert figures.loss_curves(runs).layout.uirevision == figures.loss_curves(runs[:1]).layout.uirevision


# landscapes


@pytest.mark.parametrize("height", ["log", "linear"])
@pytest.mark.parametrize("n_features", [1, 2, 9])
def test_path_points_stand_at_their_true_loss_above_the_drawn_surface(n_features: int, height: Any) -> None:
    run = RUNS[n_features][0]
    over = plane(run.problem, [run], axes=(0, 1), resolution=40)
    found = check(figures.surface_paths(over, labels=["a"], runs=[run], height=height))
    (surface,) = traces(found, type="surface")
    line = traces(found, type="scatter3d", name="a")[0]
    scale = landscape._Scale.of(over, height, "loss")
    at = [int(update) for update in line["customdata"][:, 0]]
    places = [int(np.flatnonzero(run.updates == update)[0]) for update in at]
    np.testing.assert_allclose(line["z"], scale(run.loss[places]), rtol=1e-6)
    np.testing.assert_allclose(line["customdata"][:, 1], run.loss[places], rtol=1e-6)
    np.testing.assert_allclose(line["customdata"][:, 2], over.paths[0].off[places], rtol=1e-6)
    np.testing.assert_allclose(line["customdata"][:, 3], over.paths[0].plane_loss[places], rtol=1e-6)
    faces = landscape._bilinear(surface["x"], surface["y"], surface["z"].reshape(40, 40), line["x"], line["y"])
    assert np.all(faces <= scale(over.paths[0].plane_loss[places]) + 1e-5)


def test_logarithmic_heights_are_told_in_losses() -> None:
    run = RUNS[2][0]
    over = plane(run.problem, [run], axes=(1, 2))
    scale = landscape._Scale.of(over, "log", "loss")
    optimum = run.problem.optimum.value
    for place, label in zip(scale.ticks["tickvals"], scale.ticks["ticktext"], strict=True):
        assert scale(optimum + float(label)) == pytest.approx(place, abs=1e-9)
    assert len(scale.ticks["tickvals"]) >= 3


def test_diverging_paths_end_at_the_window() -> None:
    runs = RUNS[1]
    over = plane(runs[0].problem, runs, resolution=30)
    labels = [f"v{i}" for i in range(len(runs))]
    found = check(figures.surface_paths(over, labels=labels, runs=runs))
    scene = found["layout"]["scene"]
    for trace in traces(found, type="scatter3d"):
        for axis in "xyz":
            low, high = scene[f"{axis}axis"]["range"]
            drawn = np.array(trace[axis], dtype=float)
            tolerance = 1e-6 * (high - low)
            assert np.nanmin(drawn) >= low - tolerance
            assert np.nanmax(drawn) <= high + tolerance
    for figure in (
        figures.surface_paths(over, labels=labels, runs=runs),
        figures.contour_paths(over, labels=labels, runs=runs),
    ):
        words = [word for trace in check(figure)["data"] for word in trace.get("text", [])]
        assert "diverges" in words
        assert "window" in figures.note_of(figure)
    # what is drawn is cut; what was handed over is not
    assert np.abs(over.paths[4].u).max() > 1e6


def test_start_end_and_optimum_have_marks_of_their_own() -> None:
    run = RUNS[2][0]
    over = plane(run.problem, [run])
    for figure in (figures.surface_paths(over, labels=["a"]), figures.contour_paths(over, labels=["a"])):
        found = check(figure)
        (marks,) = [trace for trace in found["data"] if isinstance(trace.get("marker", {}).get("symbol"), list)]
        assert marks["marker"]["symbol"] == ["circle-open", "diamond"]
        assert (marks["x"][0], marks["x"][1]) == pytest.approx((over.paths[0].u[0], over.paths[0].u[-1]))
        (lowest,) = traces(found, name="lowest point")
        assert lowest["customdata"] == [run.problem.optimum.value]


def test_scenes_share_axes_and_keep_each_variants_colour() -> None:
    runs = RUNS[2]
    over = plane(runs[0].problem, runs)
    labels = [f"v{i}" for i in range(len(runs))]
    scenes = [check(figure) for figure in figures.surface_scenes(over, labels=labels, runs=runs)]
    assert sum(len(figure.to_json()) for figure in figures.surface_scenes(over, labels=labels, runs=runs)) < 120_000
    assert len(scenes) == len(runs)
    for i, scene in enumerate(scenes):
        assert scene["layout"]["title"]["text"] == labels[i]
        assert {trace["name"] for trace in traces(scene, type="scatter3d")} == {labels[i], "lowest point"}
        for axis in ("xaxis", "yaxis", "zaxis"):
            assert scene["layout"]["scene"][axis] == scenes[0]["layout"]["scene"][axis]
    assert traces(scenes[1], type="scatter3d")[0]["line"]["color"] == style.COLOURS[1]


def test_off_plane_paths_are_said_to_be() -> None:
    run = RUNS[9][0]
    assert "true loss" in figures.note_of(figures.surface_paths(plane(run.problem, [run]), labels=["a"]))
    flat = RUNS[1][0]
    assert "true loss" not in figures.note_of(figures.surface_paths(plane(flat.problem, [flat]), labels=["a"]))


# data and fit


def test_rows_are_thinned_the_same_way_every_time_and_it_is_said() -> None:
    dataset = gd.generate("linear", n_samples=5000)
    figure = figures.scatter(dataset)
    (points,) = check(figure)["data"]
    assert len(points["x"]) == data.MOST_POINTS
    np.testing.assert_array_equal(points["customdata"], check(figures.scatter(dataset))["data"][0]["customdata"])
    np.testing.assert_allclose(points["x"], dataset.X[points["customdata"] - 1, 0], rtol=1e-6)
    assert figures.note_of(figure).startswith("2,000 of 5,000 rows")
    assert figures.note_of(figures.scatter(gd.generate("linear", n_samples=100))) == ""


@pytest.mark.parametrize(
    ("n_features", "kinds"), [(1, ["scatter"]), (2, ["scatter"] * 2), (5, ["scatter"] * 5), (6, ["bar"])]
)
def test_the_view_of_the_data_follows_its_shape(n_features: int, kinds: list[str]) -> None:
    dataset = gd.generate("correlated" if n_features > 1 else "linear", n_features=n_features, n_samples=50)
    assert [trace["type"] for trace in check(figures.scatter(dataset))["data"]] == kinds


def test_left_out_features_are_counted() -> None:
    rng = np.random.default_rng(0)
    dataset = gd.Dataset(rng.normal(size=(40, 50)), rng.normal(size=40))
    assert "38 are left out" in figures.note_of(figures.scatter(dataset, panels=12))
    assert "20 features are left out" in figures.note_of(figures.scatter(dataset))
    check(figures.scatter(dataset, panels=12))


def test_correlations_are_pearsons_in_any_unit() -> None:
    dataset = gd.load("diabetes")
    (bars,) = check(figures.correlations(dataset))["data"]
    expected = [np.corrcoef(dataset.X[:, j], dataset.y)[0, 1] for j in range(10)]
    np.testing.assert_allclose(np.abs(bars["x"])[::-1], sorted(np.abs(expected), reverse=True), rtol=1e-9)
    huge = gd.Dataset(dataset.X * 1e200, dataset.y * 1e-200)
    np.testing.assert_allclose(check(figures.correlations(huge))["data"][0]["x"], bars["x"], rtol=1e-9)
    constant = gd.Dataset(np.column_stack([dataset.X[:, 0], np.ones(442)]), dataset.y)
    assert "constant" in check(figures.correlations(constant))["data"][0]["text"]


@pytest.mark.parametrize("model", [{"degree": 4}, {"model": "tanh"}, {"model": "mlp"}, {"validation": 0.3}])
def test_fitted_curves_are_the_predictions(model: dict[str, Any]) -> None:
    problem = gd.Regression(gd.generate("sinusoid", n_samples=80), **model)
    run = descend(problem, Variant(), Budget(epochs=5))
    found = check(figures.fit(problem, [run.final], ["a"]))
    (curve,) = traces(found, name="a")
    np.testing.assert_allclose(curve["y"], problem.predict(run.final, curve["x"][:, None]), rtol=1e-4, atol=1e-5)
    assert bool(traces(found, name="exact fit")) == (problem.optimum is not None)
    points = [trace for trace in found["data"] if trace["mode"] == "markers"]
    assert sum(len(trace["x"]) for trace in points) == 80


def test_predictions_stand_against_the_truth_and_lost_ones_are_counted() -> None:
    runs = RUNS[9]
    problem = runs[0].problem
    figure = figures.fit(problem, [runs[0].final, runs[4].final], ["fine", "diverged"])
    fine = traces(check(figure), name="fine")[0]
    rows = fine["customdata"] - 1
    np.testing.assert_allclose(fine["x"], problem.dataset.y[rows], rtol=1e-6)
    np.testing.assert_allclose(fine["y"], problem.predict(runs[0].final)[rows], rtol=1e-5, atol=1e-6)
    assert "diverged: 120 of 120 predictions are outside" in figures.note_of(figure)
    check(figures.fit(problem, [np.full(problem.n_params, 1e308)], ["lost"]))


def test_eigenvalues_are_drawn_largest_first_and_flat_directions_counted() -> None:
    drawn = gd.generate("linear", n_features=2, n_samples=50)
    doubled = gd.Dataset(np.column_stack([drawn.X, drawn.X[:, 0]]), drawn.y)
    found = curvature(gd.Regression(doubled))
    figure = figures.eigenvalues([found], ["doubled"])
    (line,) = check(figure)["data"]
    assert line["y"][0] == found.largest
    assert np.isnan(line["y"][-1])
    assert "1 of 4 directions" in figures.note_of(figure)


# words


def test_words_have_the_numbers() -> None:
    runs = [RUNS[1][0], RUNS[1][4]]
    problem = runs[0].problem
    words = text.describe_loss(runs)
    assert style.number(float(runs[0].loss[-1])) in words
    assert f"diverged at update {runs[1].diverged_at:,}" in words
    assert style.number(problem.optimum.value) in words
    assert problem.loss_title in words
    over = plane(problem, runs)
    assert "outside the window" in text.describe_plane(over, ["a", "b"])
    assert "goes from (0, 0)" in text.describe_plane(over, ["a", "b"])
    rmse = float(np.sqrt(np.mean((problem.predict(problem.optimum.theta) - problem.dataset.y) ** 2)))
    assert f"exact optimum: {style.number(rmse)}" in text.describe_fit(problem, [runs[0].final], ["a"])
    assert "442 rows, 10 features" in text.describe_data(gd.load("diabetes"))
    assert "body mass index" in text.describe_data(gd.load("diabetes"))
    found = curvature(problem)
    assert style.number(found.max_stable_learning_rate) in text.describe_eigenvalues([found], ["a"])


# misuse


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.loss_curves([]), "at least one run"),
        (lambda: figures.loss_curves(RUNS[2], labels=["a"]), "labels must be one"),
        (lambda: figures.loss_curves(RUNS[2], against="minutes"), "against must be one of"),  # type: ignore[arg-type]
        (lambda: figures.loss_curves(RUNS[2], bands=[None]), "bands must be one a run"),
        (lambda: figures.loss_curves(RUNS[2][:1], predicted=[[1.0]]), "predicted must have shape"),
        (lambda: figures.fit(RUNS[2][0].problem, [], ["a"]), "labels must be one a theta"),
        (lambda: figures.scatter(gd.load("iris"), rows=[150]), "rows must be between 0 and 149"),
        (lambda: figures.scatter(gd.load("iris"), panels=13), "panels must be between 1 and 12"),
        (lambda: figures.surface_paths(plane(RUNS[2][0].problem, RUNS[2]), labels=["a"]), "labels must be one a path"),
        (lambda: figures.eigenvalues([], ["a"]), "names must be one"),
    ],
)
def test_misuse_says_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_equal_eigenvalues_lie_on_one_level() -> None:
    found = curvature(gd.Regression(gd.generate("linear", n_samples=50)))
    figure = figures.eigenvalues([found], ["standard"])
    low, high = figure.layout.yaxis.range
    drawn = np.log10([value for value in figure.data[0].y if np.isfinite(value)])
    assert high - low == pytest.approx(1.0)
    assert np.ptp(drawn) < 1e-6 * (high - low)
    assert low < drawn.min() <= drawn.max() < high
