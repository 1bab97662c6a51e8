"""Every page, driven without a browser: each control, every kind of file and link, and what cannot be combined.

Whatever is done, no exception, no traceback and no "Something went wrong" may reach a page: what cannot be done gets a
sentence of its own, and what was there before stays.
"""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import gd_core as gd
from pages.shared import data_controls, frame, presets, variant_controls, widgets

ROOT = Path(__file__).parents[1]
PATHS = {page.title: page.path for page in frame.PAGES}
# the pages that work with the experiment on data
ON_DATA = (frame.PAGES[0].title, "Data", "Compare")
# sections that show rather than set, and would cost every run of a page some tenths of a second
QUIET = ("compare-words", "gd-take-away")
UNEXPECTED = "Something went wrong"
HOSTILE = (
    "../../x.csv",
    "![x](http://evil.example/x)",
    "<a href=javascript:evil()>y</a>",
    "$\\evil$ :red[evil] :material/home:",
    "`evil` **evil** # evil",
    '<img src="http://evil.example/y">',
    "https://evil.example www.evil.example a@evil.example",
)


class Lab:
    """A person's session: pages by title, controls by label, and every section of a page open if ``wide``."""

    def __init__(self, page: str = "Compare", *, wide: bool = False, **query: str) -> None:
        self.app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        self.wide = wide
        for name, value in query.items():
            self.app.query_params[name] = value
        self.go(page)

    def go(self, page: str) -> Lab:
        self.app.switch_page(PATHS[page])
        return self.run()

    def run(self) -> Lab:
        """Run the page as it stands; with ``wide`` again until no further section has opened."""
        self.app.run()
        self.check()
        if self.wide:
            for _ in range(3):
                closed = [key for key in self.sections() if not self._is_open(key)]
                if not closed:
                    break
                for key in self.sections():
                    self.app.session_state[key] = True
                self.app.run()
                self.check()
        return self

    def check(self) -> None:
        assert not [error.value for error in self.app.exception]
        assert not [text for text in self.said() if UNEXPECTED in text]

    def sections(self) -> list[str]:
        named = [block.key for block in blocks(self.app.main) if block.type in ("expander", "popover")]
        return [key for key in named if key and key not in QUIET]

    def _is_open(self, key: str) -> bool:
        return key in self.app.session_state and bool(self.app.session_state[key])

    def said(self) -> list[str]:
        """What the page says in its alerts, without the escapes."""
        app = self.app
        return [re.sub(r"\\(.)", r"\1", alert.value) for kind in (app.error, app.warning, app.info) for alert in kind]

    def controls(self) -> list[Any]:
        kinds = ("selectbox", "button_group", "number_input", "checkbox", "toggle", "slider", "select_slider")
        return [each for kind in (*kinds, "multiselect", "text_input") for each in getattr(self.app, kind)]

    def all(self, label: str) -> list[Any]:
        return [each for each in self.controls() if each.label == label]

    def __getitem__(self, label: str) -> Any:
        found = self.all(label)
        assert found, f"no control is called {label}; there are {sorted({each.label for each in self.controls()})}"
        return found[0]

    def set(self, label: str, value: Any, place: int = 0) -> Lab:
        self.all(label)[place].set_value(value)
        return self.run()

    def press(self, *, label: str = "", help: str = "", place: int = 0) -> Lab:
        """Press the button with this label or help."""
        wanted = [each for each in self.app.button if (label and each.label == label) or (help and each.help == help)]
        wanted[place].click()
        return self.run()

    def upload(self, name: str, content: bytes) -> Lab:
        if not self.app.file_uploader:
            self.set("Where from", "upload")
        self.app.file_uploader[0].set_value((name, content, "application/octet-stream"))
        return self.run()

    @property
    def experiment(self) -> gd.Experiment:
        return self.app.session_state["gd-experiment"]

    @property
    def data_in_use(self) -> str:
        lines = [text.value for text in self.app.text if text.value.startswith("Data in use: ")]
        assert len(lines) == 1
        return lines[0].removeprefix("Data in use: ")

    def markup(self) -> list[str]:
        """Every text of the page that Streamlit renders as Markdown or HTML."""
        found: list[str] = []
        for node in [*blocks(self.app.main), *leaves(self.app.main)]:
            if node.type == "text":
                continue
            found += [text for name in ("label", "help", "body") if (text := _field(node.proto, name))]
            # the options of segmented controls are Markdown, those of menus are plain text
            found += [option.content for option in getattr(node.proto, "options", []) if hasattr(option, "content")]
        return found


def _field(proto: Any, name: str) -> str:
    value = getattr(proto, name, "")
    return value if isinstance(value, str) else ""


def blocks(node: Any) -> Iterator[Any]:
    for child in node.children.values():
        if hasattr(child, "children"):
            yield child
            yield from blocks(child)


def leaves(node: Any) -> Iterator[Any]:
    for child in node.children.values():
        if hasattr(child, "children"):
            yield from leaves(child)
        else:
            yield child


def is_plain(text: str) -> bool:
    """Whether nothing in a text that quotes a hostile one would be acted on."""
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)
    addresses = re.search(r"://|www\.|@\w", re.sub(r"\\(.)", r"\1", text))
    return not re.search(r"[\[\]<>`$*!:#]", bare) and not addresses


# The pages


@pytest.mark.parametrize("title", PATHS)
def test_page_runs_and_names_the_data(title: str) -> None:
    lab = Lab(title)
    assert not lab.said()
    if title in ON_DATA:
        assert lab.data_in_use.startswith("linear (generated), 200 rows")
    else:
        assert lab.data_in_use


def test_settings_and_data_survive_moving_between_pages() -> None:
    lab = Lab("Data")
    lab.set("Rows", 321).set("Noise", 0.25)
    lab.go("Compare").set("Learning rate, typed", 0.012345678).set("Rule", "Adam", 1).set("Epochs", 7)
    lab.set("Schedule", "Cosine", 2).set("Name of variant 1", "mine").set("Batch size", 17)
    before = lab.experiment
    assert before.data == gd.Generated("linear", n_samples=321, noise=0.25)
    assert before.variants[0].schedule == gd.Constant(0.012345678)
    for page in (*ON_DATA, "Compare"):
        assert lab.go(page).experiment == before
        assert lab.data_in_use.startswith("linear (generated), 321 rows")
    assert lab["Learning rate, typed"].value == 0.012345678
    assert lab["Batch size"].value == 17
    assert lab["Name of variant 1"].value == "mine"
    lab.go("Data")
    assert (lab["Rows"].value, lab["Noise"].value) == (321, 0.25)


def test_how_the_views_are_drawn_survives_moving_between_pages() -> None:
    lab = Lab()
    lab.set("Loss against", "updates").set("Logarithmic loss", False).set("Height", "linear")
    lab.set("One scene a variant", True)
    lab.go("Data").go("Compare").press(label="Momentum")
    assert lab["Loss against"].value == "updates"
    assert lab["Logarithmic loss"].value is False
    assert lab["Height"].value == "linear"
    assert lab["One scene a variant"].value is True


@pytest.mark.parametrize("name", presets.PRESETS)
def test_preset_sets_the_variants_and_leaves_the_data(name: str) -> None:
    lab = Lab()
    lab.set("Epochs", 3)
    data = lab.experiment.data
    preset = presets.PRESETS[name]
    lab.press(label=preset.title)
    assert lab.experiment.variants == preset.variants
    assert lab.experiment.budget == preset.budget
    assert lab.experiment.data == data
    assert len(lab.all("Rule")) == len(preset.variants)
    assert [each.value for each in lab.all("Learning rate, typed")] == [
        variant.schedule.learning_rate for variant in preset.variants
    ]


def test_one_preset_diverges_and_the_page_says_so() -> None:
    lab = Lab().press(label="Learning rates")
    largest = presets.PRESETS["learning-rates"].variants[-1].label
    assert [text for text in lab.said() if text.startswith(f"{largest}: Diverged at update")]


def test_variants_are_added_copied_and_removed() -> None:
    lab = Lab()
    lab.set("Learning rate, typed", 0.3, 1)
    lab.press(help="Add a copy of this variant", place=1)
    assert [variant.label for variant in lab.experiment.variants] == [
        "batch",
        "mini-batch",
        "mini-batch copy",
        "stochastic",
    ]
    assert lab.experiment.variants[2].schedule == gd.Constant(0.3)
    while len(lab.experiment.variants) < variant_controls.MOST_VARIANTS:
        lab.press(label="Add a variant")
    assert next(each for each in lab.app.button if each.label == "Add a variant").disabled
    assert all(each.disabled for each in lab.app.button if each.help == "Add a copy of this variant")
    kept = lab.experiment.variants[-1]
    while len(lab.experiment.variants) > 1:
        lab.press(help="Remove this variant")
    assert lab.experiment.variants == (kept,)
    assert next(each for each in lab.app.button if each.help == "Remove this variant").disabled


@pytest.mark.parametrize("key", QUIET)
def test_what_is_shown_on_demand_is_shown(key: str) -> None:
    lab = Lab()
    before = sum(1 for _ in leaves(lab.app.main))
    lab.app.session_state[key] = True
    lab.run()
    assert sum(1 for _ in leaves(lab.app.main)) > before


@pytest.mark.parametrize("switch", ["What theory predicts", "Show both", "One scene a variant"])
def test_a_switch_shows_more_with_every_model(switch: str) -> None:
    lab = Lab(wide=True)
    lab.set(switch, True)
    for model in gd.MODELS:
        lab.set("Model", model)
    lab.set("Model", "linear").set("Intercept", False)
    assert lab[switch].value is True


# Each control, moved once


def alternatives(control: Any) -> list[Any]:
    """Other values for a control: every option, or both bounds of a number and a value between."""
    kind = control.type
    if kind in ("selectbox", "button_group"):
        names = list(control.options)
        inner = {str(control.format_func(value)): value for value in candidates(control)}
        return [inner[name] for name in names if name in inner and inner[name] != control.value]
    if kind == "number_input":
        whole = isinstance(control.value, int)
        # a number may be as large as the box takes; how many updates that makes is another test's subject
        least = control.min if control.min is not None else -2
        most = min(control.max if control.max is not None else 30, 30 if whole else 2.5)
        ends = [least, most]
        return [value for value in (int(e) if whole else float(e) for e in ends) if value != control.value]
    if kind in ("checkbox", "toggle"):
        return [not control.value]
    if kind == "slider":
        return [control.min, control.max]
    if kind == "select_slider":
        return [widgets.RATES[0], widgets.RATES[-1]]
    return [[], control.options[:1]] if kind == "multiselect" else ["another name", ""]


def candidates(control: Any) -> list[Any]:
    """The values behind a menu's words: whatever of the lab's registries its format function knows."""
    known = [*control.options,
        *data_controls.SOURCES, *data_controls.MISSING, *data_controls.CATEGORIES, *variant_controls.AGAINST,
        *variant_controls.SAMPLINGS, *variant_controls.UNITS, *gd.SCHEDULES,
        *gd.MODELS, *gd.LOSSES, *gd.SCALINGS, *gd.GENERATORS, *gd.BUNDLED, *map(str, range(20)), "own", "random",
        "first", "eigen", "principal", "pair", "log", "linear", "update", "epoch",
    ]  # fmt: skip
    return [value for value in known if _knows(control, value)]


def _knows(control: Any, value: str) -> bool:
    try:
        return str(control.format_func(value)) in control.options
    except (KeyError, ValueError):
        return False


def move_each(lab: Lab) -> int:
    moved = 0
    for label in dict.fromkeys(each.label for each in lab.controls()):
        if label == "Where from" or not lab.all(label) or lab[label].disabled:
            continue
        before = lab[label].value
        for value in alternatives(lab[label]):
            lab.set(label, value)
            moved += 1
            if not lab.all(label):
                break
        if lab.all(label):
            lab.set(label, before)
    return moved


@pytest.mark.parametrize("source", ["generate", "bundled"])
def test_each_control_of_data_moves(source: str) -> None:
    lab = Lab("Data")
    lab.set("Where from", source)
    assert move_each(lab) >= 9


def test_each_control_of_compare_moves() -> None:
    lab = Lab(wide=True)
    lab.press(help="Remove this variant")
    lab.set("Epochs", 2)
    assert move_each(lab) >= 60


@pytest.mark.parametrize("sampling", ["Batch", "MiniBatch", "Stochastic"])
def test_every_schedule_and_rule_with_every_sampling_runs_or_says_why(sampling: str) -> None:
    lab = Lab()
    while len(lab.experiment.variants) > 1:
        lab.press(help="Remove this variant")
    lab.set("Epochs", 2).set("Rows an update reads", sampling)
    for schedule in gd.SCHEDULES:
        lab.set("Schedule", schedule)
        expected = sampling != "Batch" and "LineSearch" in schedule
        assert bool(lab.said()) == expected, (schedule, lab.said())
    lab.set("Schedule", "Constant").set("Learning rate, typed", 0.01)
    for rule in lab["Rule"].options:
        lab.set("Rule", rule)
        assert not lab.said(), rule


# What cannot be combined


@pytest.mark.parametrize("model", ["sinusoid", "tanh"])
def test_a_model_that_the_data_do_not_fit_says_so_on_both_pages(model: str) -> None:
    lab = Lab(wide=True)
    lab.set("Model", model)
    assert not lab.said()
    variants = lab.experiment.variants
    lab.go("Data").set("Where from", "bundled")
    assert lab.said() == [f"the {model} model needs a data set with 1 feature, got 10"]
    lab.go("Compare")
    assert lab.said() == [f"the {model} model needs a data set with 1 feature, got 10"]
    assert lab.experiment.variants == variants
    assert lab.experiment.model.model == model
    lab.set("Model", "linear")
    assert not lab.said()
    assert lab.experiment.model.scaling == "standard"
    assert len(lab.all("Rule")) == len(variants)


def test_too_many_columns_are_a_sentence() -> None:
    lab = Lab("Data")
    lab.set("Where from", "bundled")
    lab.go("Compare")
    lab.wide = True
    lab.run().set("Degree", 12)
    assert len(lab.said()) == 1
    assert "degree 12 makes" in lab.said()[0]
    lab.set("Degree", 2)
    assert not [text for text in lab.said() if "degree" in text]
    lab.go("Data").go("Compare")
    assert lab.experiment.model.degree == 2


def test_a_model_with_one_parameter_has_no_surface() -> None:
    lab = Lab(wide=True)
    lab.set("Intercept", False)
    assert not lab.said()
    assert any("one parameter" in caption.value for caption in lab.app.caption)


def test_nesterov_without_momentum_is_a_sentence() -> None:
    lab = Lab(wide=True)
    lab.set("Rule", "Nesterov").set("momentum", 0.0)
    assert [text for text in lab.said() if text.startswith("nesterov needs momentum above 0")]
    assert lab.experiment.variants[0].rule == gd.SGD(momentum=0.9, nesterov=True)
    lab.set("momentum", 0.5)
    assert not lab.said()
    assert lab.experiment.variants[0].rule == gd.SGD(momentum=0.5, nesterov=True)


def test_a_rate_below_the_end_of_its_cosine_is_a_sentence_and_raising_it_ends_it() -> None:
    lab = Lab(wide=True)
    lab.set("Schedule", "Cosine").set("low", 0.5)
    assert [text for text in lab.said() if text.startswith("low must be at most learning_rate")]
    lab.set("Learning rate, typed", 2.0)
    assert not lab.said()
    assert lab.experiment.variants[0].schedule == gd.Cosine(2.0, low=0.5)


def test_a_batch_larger_than_the_data_is_brought_down_and_said() -> None:
    lab = Lab()
    lab.set("Batch size", 150)
    lab.go("Data").set("Rows", 40)
    lab.go("Compare")
    assert lab.experiment.variants[1].sampling == gd.MiniBatch(40)
    assert any("150" in text and "40" in text for text in [*lab.said(), *(c.value for c in lab.app.caption)])


def test_a_budget_beyond_all_patience_is_a_sentence() -> None:
    lab = Lab()
    lab.set("Equal budget in", "updates").set("Batch size", 200).set("Updates", variant_controls.MOST_UPDATES)
    assert [text for text in lab.said() if "everyone on this server would wait with you" in text]
    assert lab.experiment.budget == gd.Budget(updates=variant_controls.MOST_UPDATES)
    lab.set("Updates", 100)
    assert not lab.said()


@pytest.mark.parametrize("unit", variant_controls.UNITS)
def test_the_smallest_budget_runs(unit: str) -> None:
    lab = Lab()
    lab.set("Equal budget in", unit).set(variant_controls.UNITS[unit].capitalize(), 1)
    assert lab.experiment.budget.unit == unit
    assert lab.experiment.budget.amount == 1


def test_two_rows_are_enough_for_a_page() -> None:
    lab = Lab("Data")
    lab.set("Rows", 2)
    assert lab.data_in_use.startswith("linear (generated), 2 rows")
    lab.go("Compare")
    assert len(lab.all("Rule")) == 3


def test_more_parameters_chosen_than_are_left() -> None:
    lab = Lab(wide=True)
    lab.set("Degree", 5).set("Surface over", "pair").set("Across", "5").set("Up", "4").set("Degree", 2)
    assert lab["Across"].value in ("0", "1", "2")


def test_fairness_is_claimed_only_where_it_holds() -> None:
    lab = Lab(wide=True)

    def line() -> str:
        return next(block.proto.label for block in blocks(lab.app.main) if "Fair comparison" in _label(block))

    assert "the same start" in line()
    assert "the same row order" in line()
    lab.set("Start", "random")
    assert "other starts" in line()
    lab.set("A new order each epoch", False)
    assert "other row orders" in line()


def _label(block: Any) -> str:
    return _field(block.proto, "label")


# Files


NUMBERS = np.round(np.random.default_rng(0).normal(size=(30, 2)), 3)
TARGET = np.round(NUMBERS @ [2.0, -1.0] + 0.5, 3)
TABLE = pd.DataFrame({"Ölpreis": NUMBERS[:, 0], "area m2": NUMBERS[:, 1], "price": TARGET})


def excel() -> bytes:
    file = io.BytesIO()
    TABLE.to_excel(file, index=False)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("good.csv", TABLE.to_csv(index=False).encode()),
        ("german.csv", TABLE.to_csv(index=False, sep=";", decimal=",").encode("cp1252")),
        ("book.xlsx", excel()),
        ("lines.jsonl", TABLE.to_json(orient="records", lines=True).encode()),
    ],
)
def test_a_table_is_uploaded_and_descended_on(name: str, content: bytes) -> None:
    lab = Lab("Data").upload(name, content)
    assert not lab.said()
    assert lab.data_in_use == f"{name} (uploaded), 30 rows, 2 features, target price"
    lab.set("Target, the column to predict", "area m2")
    assert lab.data_in_use.endswith("target area m2")
    lab.set("Features, the columns to predict from", ["price"])
    assert "1 feature," in lab.data_in_use
    lab.go("Compare")
    assert not lab.said()
    assert lab.data_in_use == f"{name} (uploaded), 30 rows, 1 feature, target area m2"
    assert "price" in lab.app.dataframe[-1].value.index
    lab.go("Data")
    assert lab["Target, the column to predict"].value == "area m2"
    assert lab["Features, the columns to predict from"].value == ["price"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("broken.xlsx", b"PK\x03\x04 not a book", "broken.xlsx"),
        ("empty.csv", b"", "empty.csv is empty"),
        ("words.csv", b"a,b\nx,y\nz,y\nx,w\n", "No column of this table holds numbers"),
        ("ragged.csv", b"a,b\n1,2\n3,4,5,6\n", "ragged.csv"),
        ("page.csv", b"<!doctype html><p>Log in", "is a web page"),
        ("constant.csv", b"a,b\n1,2\n3,2\n5,2\n", 'The target "b" is constant'),
    ],
)
def test_a_bad_file_is_a_sentence_and_the_former_data_stay(name: str, content: bytes, sentence: str) -> None:
    lab = Lab("Data").upload("good.csv", TABLE.to_csv(index=False).encode())
    before = lab.experiment
    lab.upload(name, content)
    assert [text for text in lab.said() if sentence in text], lab.said()
    assert lab.experiment == before
    assert lab.data_in_use == "good.csv (uploaded), 30 rows, 2 features, target price"
    lab.go("Compare")
    assert not lab.said()
    assert lab.experiment.data == before.data


def test_columns_of_no_use_are_not_chosen() -> None:
    table = TABLE.assign(nothing=np.nan, name=[f"row {i}" for i in range(30)])
    table.insert(0, "id", range(1, 31))
    lab = Lab("Data").upload("mixed.csv", table.to_csv(index=False).encode())
    lab.set("Target, the column to predict", "price")
    assert not lab.said()
    assert lab["Features, the columns to predict from"].value == ["Ölpreis", "area m2"]
    assert "2 features" in lab.data_in_use


def test_names_from_a_file_are_never_markup() -> None:
    columns = (*HOSTILE[1:], "y" * 150)
    table = pd.DataFrame(np.random.default_rng(1).normal(size=(25, len(columns))), columns=list(columns))
    table["<b>evil</b> words"] = [f"![{i}](http://evil.example)" for i in range(25)]
    lab = Lab("Data", wide=True).upload(HOSTILE[0], table.to_csv(index=False).encode())
    for target in columns[:3]:
        lab.set("Target, the column to predict", target)
        quoted = [text for text in lab.markup() if "evil" in text or "x.csv" in text]
        assert all(is_plain(text) for text in quoted), quoted
    assert not lab.said()
    assert lab.data_in_use.startswith(f"{HOSTILE[0]} (uploaded), 25 rows, ")
    lab.set("Target, the column to predict", "<b>evil</b> words")
    assert lab.said()
    quoted = [text for text in lab.markup() if "evil" in text]
    assert quoted
    assert all(is_plain(text) for text in quoted), quoted
    lab.go("Compare").set("Name of variant 1", HOSTILE[1]).set("Learning rate, typed", 50.0)
    assert [text for text in lab.said() if "Diverged" in text]
    lab.set("Surface over", "principal").set("Surface over", "eigen").set("Surface over", "pair")
    quoted = [text for text in lab.markup() if "evil" in text]
    assert quoted
    assert all(is_plain(text) for text in quoted), quoted


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_is_plain(text: str) -> None:
    assert is_plain(widgets.plain(text))
    assert re.sub(r"\\(.)|\u200b", r"\1", widgets.plain(text)) == text


def test_a_name_longer_than_a_description_holds_is_no_accident() -> None:
    lab = Lab("Data").upload(f"{'n' * 300}.csv", TABLE.to_csv(index=False).encode())
    assert not lab.said()
    table = TABLE.rename(columns={"price": "p" * 300})
    lab.upload("long.csv", table.to_csv(index=False).encode())
    assert lab.said()
    many = pd.DataFrame(np.random.default_rng(0).normal(size=(3, 300)), columns=[f"{'c' * 120}{i}" for i in range(300)])
    lab.upload("wide.csv", many.to_csv(index=False).encode())
    assert lab.data_in_use.startswith("wide.csv (uploaded), 3 rows, 299 features")


def test_the_same_table_under_another_name_keeps_that_name() -> None:
    content = TABLE.to_csv(index=False).encode()
    assert Lab("Data").upload("first.csv", content).data_in_use.startswith("first.csv")
    assert Lab("Data").upload("second.csv", content).data_in_use.startswith("second.csv")


# Links


def linked() -> gd.Experiment:
    return gd.Experiment(
        data=gd.Bundled("diabetes"),
        variants=(gd.Variant(rule=gd.Adam(), schedule=gd.Cosine(0.3), seed=5, label=HOSTILE[1]),),
        budget=gd.Budget(updates=40),
        seeds=2,
    )


@pytest.mark.parametrize("page", ON_DATA)
def test_a_link_opens_its_experiment(page: str) -> None:
    lab = Lab(page, e=linked().to_link_token())
    assert lab.experiment == linked()
    assert not lab.said()
    assert lab.data_in_use.startswith("diabetes (bundled)")
    lab.go("Compare")
    assert lab.experiment == linked()
    quoted = [text for text in lab.markup() if "evil" in text]
    assert all(is_plain(text) for text in quoted), quoted


TOKEN = linked().to_link_token()


@pytest.mark.parametrize(
    "token", ["x", TOKEN[:-5], TOKEN[5:], TOKEN + "AAAA", "<script>evil()</script>", "A" * 300_000, "é" * 9]
)
@pytest.mark.parametrize("page", ON_DATA[::2])
def test_a_damaged_link_is_a_sentence(page: str, token: str) -> None:
    lab = Lab(page, e=token)
    assert len(lab.said()) == 1
    assert lab.said()[0].startswith("This link could not be opened: ")
    assert lab.experiment == presets.first_experiment()
    assert not lab.run().said()


@pytest.mark.parametrize(
    "experiment",
    [
        gd.Experiment(gd.Uploaded("0" * 64, HOSTILE[1], HOSTILE[2], (HOSTILE[3],))),
        gd.Experiment(gd.OnSurface("rosenbrock")),
        gd.Experiment(gd.Generated("linear"), variants=tuple(gd.Variant(label=f"v{i}") for i in range(40))),
        gd.Experiment(gd.Generated("linear"), variants=(gd.Variant(label="n" * 200),)),
        gd.Experiment(gd.Generated("linear"), budget=gd.Budget(epochs=10**12), seeds=50),
        gd.Experiment(gd.Generated("linear", n_samples=300, n_features=200), gd.Model(degree=12)),
        gd.Experiment(gd.Generated("linear"), variants=(gd.Variant(start=(1.0, 2.0, 3.0)),)),
        gd.Experiment(gd.Generated("linear"), variants=(gd.Variant(sampling=gd.MiniBatch(5000)),)),
        gd.Experiment(gd.Generated("linear"), variants=(gd.Variant(schedule=gd.Constant(1e300)),)),
        gd.Experiment(gd.Generated("linear"), variants=(gd.Variant(schedule=gd.Constant(1e-300), seed=2**60),)),
        gd.Experiment(gd.Generated("linear", seed=2**62)),
        gd.Experiment(gd.Generated("linear"), gd.Model(loss="huber", huber_delta=1e-9, validation=0.9)),
    ],
    ids=lambda experiment: experiment.key[:6],
)
def test_a_link_to_something_odd_opens_or_says_why(experiment: gd.Experiment) -> None:
    lab = Lab("Compare", e=experiment.to_link_token())
    quoted = [text for text in lab.markup() if "evil" in text]
    assert all(is_plain(text) for text in quoted), quoted
    assert len(lab.all("Rule")) <= variant_controls.MOST_VARIANTS
    lab.go("Data").go("Compare")


def test_a_link_about_a_file_asks_for_it_and_takes_it() -> None:
    content = TABLE.to_csv(index=False).encode()
    lab = Lab("Data").upload("good.csv", content)
    lab.go("Compare").set("Epochs", 3)
    described = lab.experiment
    other = Lab("Compare", e=described.to_link_token())
    assert len(other.said()) == 1
    assert "Upload it on Data" in other.said()[0]
    assert "good.csv" in other.data_in_use
    other.go("Data").upload("good.csv", content)
    assert not other.said()
    assert other.go("Compare").experiment == described
    assert not other.said()


@pytest.mark.parametrize("page", ON_DATA)
def test_a_link_to_a_preset_opens_it(page: str) -> None:
    lab = Lab(page, preset="momentum")
    assert lab.experiment.variants == presets.PRESETS["momentum"].variants
    assert not lab.said()


@pytest.mark.parametrize("name", ["nothing", HOSTILE[1]])
def test_a_link_to_an_unknown_preset_is_a_sentence(name: str) -> None:
    lab = Lab("Compare", preset=name)
    assert len(lab.said()) == 1
    assert "there is no preset of that name" in lab.said()[0]
    assert lab.experiment == presets.first_experiment()


# At random


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_walk_meets_no_accident(seed: int) -> None:
    draw = random.Random(seed)
    lab = Lab(draw.choice(list(PATHS)), wide=True)
    for _ in range(40):
        kind = draw.random()
        if kind < 0.1:
            lab.go(draw.choice(["Data", "Compare"]))
            continue
        if kind < 0.25 and (pressable := [each for each in lab.app.button if not each.disabled]):
            draw.choice(pressable).click()
            lab.run()
            continue
        controls = [each for each in lab.controls() if not each.disabled]
        if not controls:
            lab.go("Data")
            continue
        control = draw.choice(controls)
        if values := alternatives(control):
            control.set_value(draw.choice(values))
            lab.run()
