"""The Code page: every program it shows is run here, and prints the numbers that stand beside it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import itertools
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import gd_core as gd
from gd_core.export import LANGUAGES, differences, script, snippets
from gd_core.export.differences import marked_script
from gd_core.export.snippets import EXAMPLE, PRINTED, Numbers, Settings, matrix_from, vector_from
from pages.shared import presets
from pages.shared import snippets as shown

ROOT = Path(__file__).parents[1]
TORCH = importlib.util.find_spec("torch") is not None or os.environ.get("GD_LAB_REQUIRE_TORCH") == "1"
SETTINGS = [Settings(halved=halved, bias=bias) for halved, bias in itertools.product((False, True), repeat=2)]
TALL = Numbers(
    X=((0.5, -1, 2), (3, 0.25, 1), (-2, 1, 0), (1, 1, 1)), y=(1, -2, 0.5, 4), learning_rate=0.03, num_iterations=250
)
WIDE = Numbers(X=((1, 2, 3),), y=(1,), learning_rate=0.05, num_iterations=40)
WILD = replace(EXAMPLE, learning_rate=3.0)
NUMBERS = [EXAMPLE, TALL, WIDE]


def needs_torch(test: Any) -> Any:
    return pytest.mark.torch(pytest.mark.skipif(not TORCH, reason="needs PyTorch: pip install torch")(test))


@pytest.fixture(autouse=True)
def _torch_as_it_was():
    """A program for PyTorch works in float64 throughout; the tests after it must not."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_default_dtype(sys.modules["torch"].float32)


def output(text: str) -> str:
    """What a program prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(text, "program.py", "exec"), {"__name__": "__main__"})
    return out.getvalue().strip()


# the textbook's function and PyTorch


@pytest.mark.parametrize("numbers", NUMBERS)
def test_the_textbooks_program_prints_the_result(numbers: Numbers) -> None:
    text = snippets.textbook_snippet(numbers)
    assert output(text) == str(snippets.textbook_theta(numbers))
    assert "learning_rate: float = 0.01, num_iterations: int = 1000" in text


def test_the_example_gives_the_numbers_of_the_closed_form() -> None:
    # theta_k = (I - (I - eta G)^k) theta*, from the eigenvalues of G
    X, y = np.array(EXAMPLE.X), np.array(EXAMPLE.y)
    values, vectors = np.linalg.eigh(X.T @ X / 3)
    shrunk = vectors @ np.diag(1 - (1 - 0.01 * values) ** 1000) @ vectors.T
    theta = shrunk @ np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(snippets.textbook_theta(EXAMPLE), theta, rtol=1e-10)


@pytest.mark.parametrize("numbers", NUMBERS)
def test_the_recorded_descent_ends_where_the_function_does(numbers: Numbers) -> None:
    run = snippets.textbook_run(numbers)
    np.testing.assert_allclose(run.final, snippets.textbook_theta(numbers), rtol=1e-12, atol=1e-14)
    assert run.updates[-1] == numbers.num_iterations


@needs_torch
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_pytorch_prints_what_is_kept_of_it(settings: Settings) -> None:
    assert output(snippets.pytorch_snippet(EXAMPLE, settings)) == PRINTED[settings]


@needs_torch
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("numbers", [TALL, WIDE], ids=["tall", "wide"])
def test_pytorch_prints_what_the_lab_works_out(numbers: Numbers, settings: Settings) -> None:
    assert output(snippets.pytorch_snippet(numbers, settings)) == snippets.pytorch_printed(numbers, settings)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_what_is_kept_of_pytorch_is_what_the_lab_works_out(settings: Settings) -> None:
    weights, bias = snippets.pytorch_theta(EXAMPLE, settings)
    expected = [*weights] if bias is None else [*weights, bias]
    kept = [float(word) for word in re.findall(r"-?\d+\.\d+", PRINTED[settings])]
    np.testing.assert_allclose(kept, expected, atol=5.1e-9)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("numbers", NUMBERS, ids=["example", "tall", "wide"])
def test_the_recorded_descent_ends_where_pytorch_does(numbers: Numbers, settings: Settings) -> None:
    weights, bias = snippets.pytorch_theta(numbers, settings)
    theta = weights if bias is None else np.r_[bias, weights]
    np.testing.assert_allclose(snippets.pytorch_run(numbers, settings).final, theta, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("numbers", [*NUMBERS, WILD], ids=["example", "tall", "wide", "wild"])
def test_at_half_the_rate_and_without_a_bias_the_descents_coincide(numbers: Numbers) -> None:
    textbook = snippets.textbook_run(numbers)
    alike = snippets.pytorch_run(numbers, Settings(halved=True, bias=False))
    assert snippets.weights_apart(textbook, alike) == (0.0, 0.0)
    np.testing.assert_allclose(snippets.measured_alike(alike).loss, textbook.loss, rtol=1e-12)
    # a loss of nothing but rounding is rounded otherwise
    np.testing.assert_allclose(alike.loss, 2 * textbook.loss, rtol=1e-12, atol=1e-15)
    for settings in SETTINGS:
        if settings != Settings(halved=True, bias=False):
            final, most = snippets.weights_apart(textbook, snippets.pytorch_run(numbers, settings))
            assert most >= 0.01
            assert final <= most or numbers == WILD


def test_the_same_rate_diverges_with_twice_the_gradient() -> None:
    numbers = replace(EXAMPLE, learning_rate=0.1)
    assert snippets.textbook_run(numbers).outcome is not gd.Outcome.DIVERGED
    assert snippets.pytorch_run(numbers, Settings(bias=False)).outcome is gd.Outcome.DIVERGED


@pytest.mark.parametrize("rate", [0.15, 3.0, 1e300])
def test_divergence_is_a_result_and_no_warning(rate: float) -> None:
    numbers = replace(EXAMPLE, learning_rate=rate)
    assert not np.abs(snippets.textbook_theta(numbers)).max() < 1e6
    for settings in SETTINGS:
        assert snippets.pytorch_printed(numbers, settings).startswith("weights ")
    assert snippets.textbook_run(numbers).outcome is gd.Outcome.DIVERGED


# a person's numbers


GOOD = [
    ("1, 2\n2, 3", ((1, 2), (2, 3))),
    ("[[1, 2], [2, 3], [3, 4]]", ((1, 2), (2, 3), (3, 4))),
    ("[[1,2],\n [2,3]]", ((1, 2), (2, 3))),
    ("1 2\n\n2\t3\r\n", ((1, 2), (2, 3))),
    ("1; -2.5e3 ;\n+.5; 4.", ((1, -2500), (0.5, 4))),
    ("7", ((7,),)),
]


@pytest.mark.parametrize(("text", "rows"), GOOD)
def test_rows_are_read(text: str, rows: tuple) -> None:
    assert matrix_from(text) == rows


@pytest.mark.parametrize("text", ["2, 4, 6", "[2, 4, 6]", "2\n4\n6", "[[2], [4], [6]]", " 2 4\n6,"])
def test_targets_are_read(text: str) -> None:
    assert vector_from(text) == (2, 4, 6)


BAD = [
    ("", "1", "X has no numbers yet"),
    ("[[]]", "1", "X has no numbers yet"),
    ("1, 2", "", "y has no numbers yet"),
    ("1, two", "1", "'two' in row 1 of X, place 2, is no number"),
    ("1, 2\n3, nan", "1, 2", "'nan' in row 2 of X, place 2"),
    ("1, inf", "1", "'inf' in row 1 of X"),
    ("1_000", "1", "'1_000' in row 1"),
    ("٣", "1", "is no number"),
    ("0x10", "1", "is no number"),
    ("__import__('os').system('x')", "1", "__import__('os').sy…"),
    ("1e999", "1", "is too large"),
    ("1e10", "1", "is too large: numbers may be 1e+09 in size"),
    ("9" * 3000, "1", "is no number"),
    ("1", "<b>2</b>", "'<b>2</b>' in y, place 1"),
    ("1, 2\n3", "1, 2", "X must have 2 numbers in every row, got 1 in row 2"),
    ("1\n2, 3", "1, 2", "X must have 1 number in every row, got 2 in row 2"),
    ("1\n2", "1", r"y must have as many numbers as X has rows \(2\), got 1"),
    ("1,2,3,4,5,6,7", "1", "X must have between 1 and 6 columns, got 7"),
    ("1\n" * 51, "1", "X must have at most 50 rows, got 51"),
]


@pytest.mark.parametrize(("X", "y", "sentence"), BAD)
def test_what_is_no_number_is_named_with_its_place(X: str, y: str, sentence: str) -> None:
    pattern = sentence if "\\" in sentence else re.escape(sentence)
    with pytest.raises(ValueError, match=pattern):
        Numbers(X=matrix_from(X), y=vector_from(y))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be finite"),
        ({"num_iterations": 0}, "num_iterations must be between 1 and 10,000, got 0"),
        ({"num_iterations": 10_001}, "num_iterations must be between 1 and 10,000, got 10,001"),
        ({"X": ()}, "X must have between 1 and 50 rows, got 0"),
        ({"y": (1.0, 2.0, float("inf"))}, "y must be finite"),
    ],
)
def test_numbers_out_of_bounds_are_refused(change: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        replace(EXAMPLE, **change)


FLOATS = st.floats(-1e9, 1e9)


@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(FLOATS, min_size=n, max_size=n), min_size=1, max_size=8)))
def test_numbers_come_back_from_their_text_and_from_the_program(rows: list) -> None:
    assert matrix_from(repr(rows)) == tuple(map(tuple, rows))
    assert matrix_from("\n".join(" ".join(map(repr, row)) for row in rows)) == tuple(map(tuple, rows))
    text = snippets.textbook_snippet(Numbers(X=tuple(map(tuple, rows)), y=(0.0,) * len(rows)))
    line = next(line for line in text.splitlines() if line.startswith("X = [["))
    space: dict[str, Any] = {}
    exec(line, space)
    assert space["X"] == rows


@given(st.text(max_size=60))
def test_any_text_gives_numbers_or_a_sentence(text: str) -> None:
    for read in (matrix_from, vector_from):
        with contextlib.suppress(ValueError):
            assert np.isfinite(np.concatenate([np.ravel(row) for row in read(text)])).all()


# the lines in which variants differ


MIXED = (
    gd.Variant(schedule=gd.Constant(0.1)),
    gd.Variant(rule=gd.Adam(), sampling=gd.MiniBatch(16), schedule=gd.Cosine(0.05)),
    gd.Variant(schedule=gd.LineSearch()),
    gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.01), label="a\n# Variant 9: b"),
)
FIRST = presets.first_experiment()
EXPERIMENTS = {
    **{name: replace(FIRST, variants=preset.variants) for name, preset in presets.PRESETS.items()},
    "mixed": replace(FIRST, variants=MIXED),
    "twins": replace(FIRST, variants=(gd.Variant(), gd.Variant())),
    "seeds": replace(FIRST, seeds=3),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_a_shared_line_is_marked_for_those_whose_program_alone_has_it(experiment: gd.Experiment, language: str) -> None:
    marked = marked_script(experiment, language)
    assert marked.text == script(experiment, language)
    lines = marked.text.splitlines()
    assert len(marked.lines) == len(lines)
    alone = [set(script(replace(experiment, variants=(v,)), language).splitlines()) for v in experiment.variants]
    everyone = frozenset(range(len(alone)))
    end = next(i for i, line in enumerate(lines) if line.startswith("# Variant 1: "))
    for line, owners in zip(lines[:end], marked.lines[:end], strict=True):
        having = frozenset(i for i, text in enumerate(alone) if line in text)
        if owners:
            assert owners <= having
            assert owners < everyone
        elif line:
            assert having in (everyone, frozenset())
    titles = [i for i, line in enumerate(lines) if line.startswith("# Variant ")]
    assert len(titles) == len(alone)
    for variant, first in enumerate(titles):
        assert marked.lines[first] == ({variant} if len(alone) > 1 else set())


def owners_of(experiment: gd.Experiment, language: str) -> dict[str, set[frozenset[int]]]:
    marked = marked_script(experiment, language)
    found: dict[str, set[frozenset[int]]] = {}
    for line, owners in zip(marked.text.splitlines(), marked.lines, strict=True):
        found.setdefault(line.strip(), set()).add(owners)
    return found


def test_lines_of_the_three_types() -> None:
    found = owners_of(FIRST, "numpy")
    everyone = {frozenset()}
    assert found["def descend(theta, rate, batches, updates):"] == everyone
    assert found["theta = descend("] == found["rate=lambda t: 0.1,"] == everyone
    assert found["def batches(size, seed):"] == {frozenset({1, 2})}
    assert found["batches=batches(size=32, seed=0),"] == {frozenset({1})}
    assert found["updates=4000,"] == {frozenset({2})}
    assert found['# Variant 1: "batch"'] == {frozenset({0})}
    assert found["# 3 variants; the loss is half squared error, the budget 20 epochs."] == everyone


def test_what_scikit_learn_cannot_do_is_marked_for_those_that_ask_for_it() -> None:
    found = owners_of(FIRST, "scikit-learn")
    assert found["# Where every variant is headed: the exact minimum"] == {frozenset({0, 1})}
    assert found["model = SGDRegressor("] == {frozenset({2})}


def test_helpers_are_marked_for_the_variants_that_call_them() -> None:
    found = owners_of(EXPERIMENTS["mixed"], "numpy")
    assert found["def line_search(theta, g, rate, shrink, sufficient):"] == {frozenset({2})}
    assert found["rng = np.random.default_rng(seed)"] == {frozenset({1, 3})}


def test_one_variant_has_nothing_to_mark_and_twins_only_their_names() -> None:
    assert not any(marked_script(replace(FIRST, variants=(gd.Variant(),)), "numpy").lines)
    marked = marked_script(EXPERIMENTS["twins"], "numpy")
    lines = [line for line, owners in zip(marked.text.splitlines(), marked.lines, strict=True) if owners]
    assert all(line.startswith(("# Variant", "report(")) for line in lines)
    assert len(lines) == 4


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="language must be one of numpy, pytorch, scikit-learn, got 'cobol'"):
        marked_script(FIRST, "cobol")


def test_stretches() -> None:
    assert shown._stretches([]) == []
    assert shown._stretches([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]


# the page


def opened(experiment: gd.Experiment | None = None) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    if experiment is not None:
        app.session_state["gd-experiment"] = experiment
    app.run()
    app.switch_page("pages/code.py")
    return ran(app)


def ran(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    assert not [error.value for error in app.error if "went wrong" in error.value]
    return app


def codes(app: AppTest) -> list[str]:
    return [each.value for each in app.code]


def control(app: AppTest, label: str) -> Any:
    kinds = ("text_area", "number_input", "toggle", "button_group", "button")
    return next(each for kind in kinds for each in getattr(app, kind) if each.label == label)


def said(app: AppTest) -> str:
    return " ".join(re.sub(r"\\(.)", r"\1", each.value) for kind in (app.error, app.info) for each in kind)


def test_every_program_on_the_page_gives_the_numbers_beside_it() -> None:
    app = opened()
    textbook, theta, pytorch, printed, *programs = codes(app)
    assert output(textbook) == theta == "[1.15279107 0.58711619]"
    if TORCH:
        assert output(pytorch) == printed
    assert printed == PRINTED[Settings()]
    assert programs == [script(FIRST, language).rstrip() for language in LANGUAGES]
    final = {
        label: run.final for label, run in zip(("batch", "mini-batch", "stochastic"), FIRST.run().runs, strict=True)
    }
    for language, text in zip(LANGUAGES, programs, strict=True):
        if language == "pytorch" and not TORCH:
            continue
        results = output(text).split("\n")
        for label, values in final.items():
            if label in results:
                place = results.index(label)
                got = [float(line.split()[0]) for line in results[place + 1 : place + 3]]
                np.testing.assert_allclose(got, values, rtol=1e-10)
        assert "stochastic" in results


def test_ones_own_numbers_are_run() -> None:
    app = opened()
    control(app, "X, one row a line").set_value("[[1, 0], [0, 2], [1, 1]]")
    control(app, "y, one a row").set_value("1 2\n3")
    control(app, "num_iterations").set_value(50)
    control(app, "learning_rate, typed").set_value(0.2)
    ran(app)
    numbers = Numbers(X=((1, 0), (0, 2), (1, 1)), y=(1, 2, 3), learning_rate=0.2, num_iterations=50)
    textbook, theta, pytorch, printed = codes(app)[:4]
    assert output(textbook) == theta == str(snippets.textbook_theta(numbers))
    if TORCH:
        assert output(pytorch) == printed
    assert not app.error


def test_the_switches_bring_the_descents_together() -> None:
    app = opened()
    apart = [metric.value for metric in app.metric]
    assert all(float(value) > 0 for value in apart)
    assert not app.success
    control(app, "Halve the learning rate of optim.SGD").set_value(True)
    ran(app)
    assert not app.success
    control(app, "Leave out the bias of nn.Linear").set_value(True)
    ran(app)
    assert [metric.value for metric in app.metric] == ["0", "0"]
    assert "coincide" in app.success[0].value
    pytorch, printed = codes(app)[2:4]
    assert "lr=0.005" in pytorch
    assert "bias=False" in pytorch
    assert printed == "weights 1.15279107 0.58711619"


def test_a_link_that_brings_an_experiment_leaves_the_boxes_at_work() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["preset"] = "adaptive"
    app.switch_page("pages/code.py")
    ran(app)
    assert "# 4 variants" in codes(app)[4]
    control(app, "learning_rate, typed").set_value(0.1)
    ran(app)
    assert "learning_rate=0.1" in codes(app)[0]


def test_divergence_is_said() -> None:
    app = opened()
    control(app, "learning_rate, typed").set_value(0.5)
    ran(app)
    sentences = said(app)
    assert "Diverged at update" in sentences
    assert "PyTorch model: Diverged at update" in sentences
    assert codes(app)[1] == str(snippets.textbook_theta(replace(EXAMPLE, learning_rate=0.5)))
    text = " ".join(each.value for each in app.markdown)
    assert "The function itself never looks" in text
    assert not re.search(r"\bnan\b", text)


def test_the_limit_that_is_said_is_that_of_the_descents_own_loss() -> None:
    app = opened()
    control(app, "learning_rate, typed").set_value(0.1)
    ran(app)
    # two over the largest eigenvalue of the Hessian of the squared error, with a column of ones for the bias
    limit = 2 / np.linalg.eigvalsh(2 / 3 * np.c_[EXAMPLE.X, np.ones(3)].T @ np.c_[EXAMPLE.X, np.ones(3)])[-1]
    assert f"the rate 0.1 is above {limit:.4g}" in said(app)
    assert [metric.value for metric in app.metric] == ["one diverged", "one diverged"]


HOSTILE = "![x](http://evil.example/x) <img src=x> `a` $b$"


@pytest.mark.parametrize("label", ["X, one row a line", "y, one a row"])
def test_bad_input_gets_a_sentence_and_the_rest_stays(label: str) -> None:
    app = opened()
    before = codes(app)
    control(app, label).set_value("1 http://evil.ex/`a` 2")
    ran(app)
    assert "'http://evil.ex/`a`' in" in said(app).replace("\u200b", "")
    assert "numbers before" in said(app)
    assert codes(app) == before
    assert not re.search(r"http://|(?<!\\)`", app.error[0].value)
    control(app, "Reset").click()
    ran(app)
    assert not app.error
    assert control(app, label).value in ("1, 2\n2, 3\n3, 4", "2, 4, 6")


def test_numbers_and_switches_survive_a_visit_to_another_page() -> None:
    app = opened()
    control(app, "y, one a row").set_value("3, 2, 1")
    control(app, "num_iterations").set_value(77)
    control(app, "Leave out the bias of nn.Linear").set_value(True)
    ran(app)
    before = codes(app)
    app.switch_page("pages/data.py").run()
    app.switch_page("pages/code.py")
    ran(app)
    assert control(app, "num_iterations").value == 77
    assert codes(app) == before


def test_a_missing_upload_is_said_and_the_textbook_stays() -> None:
    data = gd.Uploaded("0" * 64, "my **rows**.csv", "price")
    app = opened(replace(FIRST, data=data))
    assert "Upload it on Data" in said(app)
    assert len(codes(app)) == 4


def test_a_part_without_a_program_is_said_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(experiment: gd.Experiment, language: str, dataset: gd.Dataset | None = None) -> Any:
        raise ValueError("the rule *mine* has no source")

    monkeypatch.setattr(differences, "marked_script", none)
    app = opened(replace(FIRST, budget=gd.Budget(updates=123)))
    assert said(app).count("the rule *mine* has no source") == 3
    assert "This experiment has no program in PyTorch" in said(app)
    assert len(codes(app)) == 4


def test_what_a_person_wrote_is_shown_as_code_and_plain_text_alone() -> None:
    variants = (replace(FIRST.variants[0], label=HOSTILE), FIRST.variants[1])
    app = opened(replace(FIRST, variants=variants))
    markup = " ".join(each.value for kind in (app.markdown, app.caption, app.get("html")) for each in kind if each)
    assert "evil" not in markup
    assert f"1  {HOSTILE}" in [text.value for text in app.text]
    assert all(repr(HOSTILE)[1:-1] in text for text in codes(app)[4:])


def test_programs_are_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return marked_script(*arguments)

    monkeypatch.setattr(differences, "marked_script", counted)
    app = opened(replace(FIRST, budget=gd.Budget(updates=321)))
    assert len(calls) == 3
    ran(app)
    control(app, "Leave out the bias of nn.Linear").set_value(True)
    ran(app)
    assert len(calls) == 3


def test_downloads_have_fixed_names() -> None:
    app = opened()
    assert [button.proto.label for button in app.get("download_button")] == [
        "Download gradient_descent_numpy.py",
        "Download gradient_descent_pytorch.py",
        "Download gradient_descent_scikit_learn.py",
    ]


def test_the_standard_librarys_code_module_stays_reachable() -> None:
    opened()
    import code

    assert hasattr(code, "InteractiveConsole")


def test_a_descent_on_a_surface_gets_its_program_or_the_reason_why_not() -> None:
    variants = (gd.Variant(start=(2.0, 2.0)), gd.Variant(start=(2.0, 2.0), schedule=gd.Constant(0.01)))
    experiment = gd.Experiment(gd.OnSurface("bowl"), gd.Model(), variants, gd.Budget(updates=50))
    app = opened(experiment)
    programs = codes(app)[4:]
    assert len(programs) + said(app).count("This experiment has no program in") == 3
    final = [run.final for run in experiment.run().runs]
    for text in programs:
        if "SGDRegressor" in text or ("import torch" in text and not TORCH):
            continue
        numbers = [float(line.split()[0]) for line in output(text).splitlines() if line.startswith("    ")]
        np.testing.assert_allclose(numbers, np.ravel(final), rtol=1e-10)
    assert not app.error
