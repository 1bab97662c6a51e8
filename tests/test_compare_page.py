"""The Compare page, driven without a browser: what is compared, what theory adds, single updates, links and files."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_pages import HOSTILE, Lab, is_plain

import gd_core as gd
from pages.shared import locks, presets, runs, show, variant_controls

ROOT = Path(__file__).parents[1]
THREE = gd.Experiment(
    gd.Generated("correlated", n_samples=90, n_features=3, noise=0.5, condition_number=50.0),
    gd.Model(validation=0.2),
    variants=presets.PRESETS["three-types"].variants,
    budget=gd.Budget(epochs=5),
)


def opened(experiment: gd.Experiment = THREE, *sections: str, **query: str) -> Lab:
    lab = Lab(e=experiment.to_link_token(), **query)
    for section in sections:
        lab.app.session_state[section] = True
    return lab.run() if sections else lab


def metrics(lab: Lab) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in lab.app.metric:
        found.setdefault(each.label, []).append(each.value)
    return found


def frame_with(lab: Lab, column: str) -> pd.DataFrame:
    return next(each.value for each in lab.app.dataframe if column in each.value.columns)


# The microscope


def test_the_microscope_steps_back_and_forth_through_the_run_itself() -> None:
    lab = opened(THREE, "gd-microscope")
    compared = THREE.run()
    lab.set("Variant to look at", "1")
    run = compared.runs[1]
    last = int(run.updates[-1])
    for press, update in (("", 1), ("Forth", 2), ("Forth", 3), ("Back", 2), ("Last", last), ("Back", last - 1)):
        if press:
            lab.press(label=press)
        assert metrics(lab)["Update"] == [f"{update:,} of {last:,}"]
        table = frame_with(lab, "theta after")
        np.testing.assert_array_equal(table["theta before"], run.theta[update - 1])
        np.testing.assert_array_equal(table["theta after"], run.theta[update])
        rows = frame_with(lab, "residual")
        assert len(rows) == min(len(run.variant.sampling.rows_of(update, 72, 0)), 20)
        assert metrics(lab)["Loss after"] == [f"{run.loss[update]:.6g}"]
    lab.press(label="First")
    assert next(each for each in lab.app.button if each.label == "Back").disabled
    assert not next(each for each in lab.app.button if each.label == "Forth").disabled


def test_the_microscope_goes_where_its_slider_goes() -> None:
    lab = opened(THREE, "gd-microscope").set("Variant to look at", "2").set("Update to look at", 77)
    assert metrics(lab)["Update"] == ["77 of 360"]
    assert len(frame_with(lab, "residual")) == 1
    # a variant with fewer updates is looked at where it ends
    lab.set("Variant to look at", "0")
    assert metrics(lab)["Update"] == ["5 of 5"]
    assert metrics(lab)["Angle between them"] == ["0°"]


@pytest.mark.parametrize(
    "rule", [gd.SGD(momentum=0.9), gd.Adam(), gd.Rprop(), gd.TypedRule(text="m = 0.5*m + g\ntheta -= lr*m")], ids=repr
)
def test_the_microscope_writes_any_rule_out(rule: gd.Rule) -> None:
    variants = (gd.Variant(rule=rule, schedule=gd.Constant(0.05)),)
    lab = opened(replace(THREE, variants=variants), "gd-microscope").press(label="Forth")
    written = lab.app.code[0].value
    assert "theta" in written
    assert written.count(" = ") >= 2
    table = frame_with(lab, "theta after")
    assert [f"{name} after" in table for name in rule.slot_names] == [True] * len(rule.slot_names)
    other = lab["For the parameter"]
    lab.set("For the parameter", "0" if other.value != "0" else "1")
    assert lab.app.code[0].value != written


def test_the_microscope_survives_what_becomes_of_its_variant() -> None:
    lab = opened(THREE, "gd-microscope").set("Variant to look at", "2").set("Update to look at", 300)
    lab.press(help="Remove this variant", place=2)
    assert lab["Variant to look at"].value in ("0", "1")
    lab.set("Epochs", 1)
    assert metrics(lab)["Epoch"] == ["1"]
    lab.set("Learning rate, typed", 1e300)
    assert not [text for text in lab.said() if "wrong" in text]


def test_an_update_late_in_a_long_run_is_quick_to_look_at() -> None:
    long = gd.Experiment(
        gd.Generated("linear", n_samples=10_000, n_features=5),
        variants=(gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.001)),),
        budget=gd.Budget(epochs=20),
    )
    data = long.dataset()
    compared = runs.comparison(long, data)
    steps, k = runs.replayed(long, compared, 0, 200_000)
    assert (int(steps.updates[k]), len(steps.updates)) == (200_000, 16)
    np.testing.assert_array_equal(steps.after[k], compared.runs[0].final)
    near, j = runs.replayed(long, compared, 0, 199_990)
    assert near is steps
    assert int(near.updates[j]) == 199_990


# Theory, tuning, fairness


def test_theory_has_a_sentence_for_every_variant() -> None:
    lab = opened().set("What theory predicts", True)
    said = [text.value for text in lab.app.text]
    assert [text for text in said if text.startswith("batch: Theory predicts every loss of this run")]
    assert [text for text in said if text.startswith("stochastic: Theory expects the loss to settle around")]
    lab.set("Rule", "Adam")
    assert [text.value for text in lab.app.text if text.value.startswith("batch: Here theory says nothing: ")]


def test_a_variant_past_its_limit_says_why_it_diverged() -> None:
    lab = opened().set("Learning rate, typed", 5000.0)
    said = [text for text in lab.said() if text.startswith("batch: Diverged at update")]
    assert len(said) == 1
    assert "stable" in said[0]


def test_tuning_gives_every_variant_the_same_search_and_says_so() -> None:
    lab = opened().press(label="Tune all rates")
    said = next(text for text in lab.said() if text.startswith("Tuned: "))
    assert "the same 25 learning rates with the whole budget of 5 epochs" in said
    tuned = gd.tune(THREE.run().problem, THREE.variants, THREE.budget)
    assert lab.experiment.variants == tuple(each.variant for each in tuned)
    for each in tuned:
        assert f"{each.variant.label}: {each.learning_rate:g}" in said
    before = show.with_scores(THREE.run())["final loss"]
    after = show.with_scores(lab.experiment.run())["final loss"]
    assert (after <= before).all()


def test_the_fairness_line_opens_to_the_differences() -> None:
    lab = opened()
    table = next(each.value for each in lab.app.dataframe if "sampling" in each.value.index)
    assert list(table.columns) == ["batch", "mini-batch", "stochastic"]
    assert list(table.loc["sampling"]) == ["Batch", "MiniBatch", "Stochastic"]


# Seeds, scores, notes


def test_seeds_give_medians_and_their_range() -> None:
    lab = opened().set("Seeds", 7)
    table = frame_with(lab, "loss, lowest")
    alone = replace(THREE, seeds=7).run()
    finals = np.array([[run.loss[-1] for run in repeat] for repeat in alone.repeats])
    np.testing.assert_array_equal(table["final loss"], np.median(finals, axis=1))
    np.testing.assert_array_equal(table["loss, lowest"], finals.min(axis=1))
    np.testing.assert_array_equal(table["loss, highest"], finals.max(axis=1))
    assert finals[2].max() > finals[2].min()
    assert list(table["outcome"]) == ["7 budget spent"] * 3


def test_many_seeds_keep_little_of_each_path() -> None:
    many = replace(THREE, seeds=50, budget=gd.Budget(epochs=100))
    data = many.dataset()
    compared = runs.comparison(many, data)
    assert [len(repeat) for repeat in compared.repeats] == [50] * 3
    kept = sum(run.theta.size for repeat in compared.repeats for run in repeat)
    assert kept <= 50 * 3 * 400 * compared.problem.n_params
    one = gd.descend(compared.problem, replace(many.variants[2], seed=49), many.budget)
    short = compared.repeats[2][49]
    np.testing.assert_array_equal(short.final, one.final)
    both = np.intersect1d(short.updates, one.updates)
    assert len(both) > 100
    places = [np.searchsorted(run.updates, both) for run in (short, one)]
    np.testing.assert_array_equal(short.theta[places[0]], one.theta[places[1]])


def test_scores_are_those_of_the_final_fit_on_both_kinds_of_rows() -> None:
    lab = opened()
    table = frame_with(lab, "R2")
    compared = THREE.run()
    for label, run in zip(compared.labels, compared.runs, strict=True):
        for name, value in compared.problem.scores(run.final).items():
            assert table.loc[label, name] == value
    assert {"R2", "RMSE", "validation R2", "validation RMSE", "updates to tolerance"} <= set(table.columns)


def test_figures_say_below_them_what_they_leave_out() -> None:
    lab = opened(replace(THREE, variants=(gd.Variant(schedule=gd.Constant(0.9), label=HOSTILE[1]), *THREE.variants)))
    notes = [caption.value for caption in lab.app.caption if "Surface and Contours" in caption.value]
    assert len(notes) == 1
    assert "Heights are log10" in notes[0]
    lab.set("Loss against", "updates").set("Logarithmic axis", True)
    assert [caption.value for caption in lab.app.caption if "the start is not drawn" in caption.value]
    assert all(is_plain(text.replace("  \n", " ")) for text in notes)


# Scaling


def test_scaling_turns_the_ravine_into_a_bowl() -> None:
    lab = opened(replace(THREE, data=gd.Bundled("wine"))).set("Show both", True)
    before, after = (float(number.replace(",", "")) for number in metrics(lab)["Condition number"])
    assert before > 1e6 * after
    coefficients = [each.value for each in lab.app.dataframe if "exact solution" in each.value.columns]
    # of the page itself and of both sides
    assert len(coefficients) == 3
    np.testing.assert_allclose(coefficients[1]["exact solution"], coefficients[2]["exact solution"], rtol=1e-6)


# Take it away


def test_the_link_on_the_page_opens_the_same_experiment() -> None:
    lab = opened(THREE, "gd-take-away").set("Epochs", 3)
    address = next(code.value for code in lab.app.code if "?e=" in code.value)
    token = address.partition("?e=")[2]
    assert gd.Experiment.from_link_token(token) == lab.experiment
    assert Lab(e=token).experiment == lab.experiment
    lab.set("Lock for a lesson", ["variants"]).set("Hide for a lesson", ["presets"])
    address = next(code.value for code in lab.app.code if "?e=" in code.value)
    assert address.endswith("&lock=variants&hide=presets")


def test_every_download_is_made_and_scripts_are_programs() -> None:
    lab = opened(THREE, "gd-take-away")
    labels = {each.proto.label for each in lab.app.get("download_button")}
    assert {"Trace, CSV", "Experiment, JSON", "Script, NumPy", "Script, PyTorch"} <= labels
    assert {"Loss, HTML", "Surface, HTML", "Contours, HTML", "Fit, HTML"} <= labels


def test_an_experiment_saved_as_json_is_opened() -> None:
    lab = Lab()
    lab.app.session_state["gd-take-away"] = True
    lab.run()
    lab.app.file_uploader[0].set_value(("mine.json", THREE.to_json().encode(), "application/json"))
    lab.run()
    assert lab.experiment == THREE
    lab.app.file_uploader[0].set_value(("other.json", b'{"version": 99}', "application/json"))
    lab.run()
    assert [text for text in lab.said() if text.startswith("This file is not an experiment")]
    assert lab.experiment == THREE


# Links between processes and machines

HASH = """
import hashlib, sys
import gd_core as gd
from gd_core.datasets import Dataset
for token in sys.argv[1:]:
    experiment = gd.Experiment.from_link_token(token)
    found = hashlib.sha256()
    for repeat in experiment.run().repeats:
        for run in repeat:
            for values in (run.updates, run.theta, run.loss, run.learning_rate):
                found.update(values.tobytes())
    print(found.hexdigest())
"""
LINKED = [
    THREE,
    replace(THREE, seeds=4),
    gd.Experiment(
        gd.Bundled("diabetes"),
        gd.Model(loss="huber", l2=0.01),
        variants=(
            gd.Variant(sampling=gd.MiniBatch(16), rule=gd.Adam(), schedule=gd.Cosine(0.3), start="random", seed=7),
            gd.Variant(sampling=gd.Stochastic(replacement=True), rule=gd.TypedRule(), schedule=gd.Constant(1e-3)),
        ),
        budget=gd.Budget(updates=300),
    ),
    gd.Experiment(gd.OnSurface("rosenbrock"), variants=(gd.Variant(rule=gd.Lion()),), budget=gd.Budget(updates=100)),
]


def test_a_link_gives_the_same_numbers_in_every_process_to_the_last_bit() -> None:
    tokens = [experiment.to_link_token() for experiment in LINKED]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HASH, *tokens],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    first, second = (process.communicate(timeout=300)[0].split() for process in processes)
    assert len(first) == len(tokens)
    assert first == second
    assert len(set(first)) == len(tokens)
    here = []
    for experiment in LINKED:
        found = hashlib.sha256()
        for repeat in gd.Experiment.from_link_token(experiment.to_link_token()).run().repeats:
            for run in repeat:
                for values in (run.updates, run.theta, run.loss, run.learning_rate):
                    found.update(values.tobytes())
        here.append(found.hexdigest())
    assert first == here


# Files behind links

RNG = np.random.default_rng(3)
TABLE = pd.DataFrame({"a": RNG.normal(size=40), "b": RNG.normal(size=40), "price": RNG.normal(size=40)})


def about_a_file() -> gd.Experiment:
    data = gd.to_dataset(TABLE, target="price", name="mine.csv")
    return replace(THREE, data=gd.Uploaded(data.fingerprint, "mine.csv", "price"))


def test_a_link_about_a_file_asks_for_it_checks_it_and_restores_everything() -> None:
    lab = opened(about_a_file())
    assert len(lab.said()) == 1
    assert not lab.app.dataframe
    wrong = TABLE.copy()
    wrong.loc[0, "a"] += 1e-12
    lab.upload("mine.csv", wrong.to_csv(index=False).encode())
    assert [text for text in lab.said() if "another fingerprint" in text]
    lab.upload("broken.xlsx", b"PK\x03\x04 not a book")
    assert [text for text in lab.said() if "broken.xlsx" in text]
    lab.upload("another name.csv", TABLE.to_csv(index=False).encode())
    assert not lab.said()
    assert lab.experiment == about_a_file()
    assert lab.data_in_use == "another name.csv (uploaded), 40 rows, 2 features, target price"
    data = gd.to_dataset(TABLE, target="price", name="mine.csv")
    np.testing.assert_array_equal(
        frame_with(lab, "final loss")["final loss"], about_a_file().run(data).table()["final loss"]
    )
    lab.go("Data").go("Compare")
    assert not lab.said()


def test_a_hostile_file_name_in_a_link_is_never_markup() -> None:
    uploaded = gd.Uploaded("0" * 64, HOSTILE[1], "price")
    lab = opened(replace(THREE, data=uploaded))
    assert lab.app.file_uploader
    quoted = [text for text in [*lab.markup(), lab.app.file_uploader[0].label] if "evil" in text]
    assert quoted
    assert all(is_plain(text) for text in quoted)


# Lessons


def test_a_link_locks_and_hides_and_the_page_says_so() -> None:
    lab = Lab(preset="momentum", lock="variants,budget", hide="presets,model")
    assert lab.experiment.variants == presets.PRESETS["momentum"].variants
    said = next(text for text in lab.said() if "for a lesson" in text)
    for name in ("variants", "budget", "presets", "model"):
        assert locks.SECTIONS[name] in said
    assert lab["Rule"].disabled
    assert lab["Epochs"].disabled
    assert not lab["Loss against"].disabled
    assert not [each for each in lab.app.button if each.label == "The three types"]
    assert all(each.disabled for each in lab.app.button if each.label == "Tune all rates")
    assert not Lab().all("nothing")
    assert len(lab.all("Rule")) <= variant_controls.MOST_VARIANTS


def test_a_link_that_locks_nothing_known_says_so() -> None:
    lab = Lab(lock="everything")
    assert [text for text in lab.said() if "that no page has" in text]
