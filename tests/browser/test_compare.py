"""The Compare page in a real browser: single updates, theory, fairness, seeds, scaling, and what one takes away."""

from __future__ import annotations

import base64
import csv
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from driving import ROOT, Server, figure_of, start_server, trace_count, wait_ready

import gd_core as gd
from pages.shared import locks, take_away

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

LOSS, SURFACE, CONTOUR, FIT = range(4)
CONTOUR_OF_UPDATE, DATA_OF_UPDATE = 0, 1
THREE = gd.Experiment(
    gd.Generated("linear", n_samples=60, noise=1.0),
    gd.Model(validation=0.2),
    variants=(
        gd.Variant(label="batch"),
        gd.Variant(sampling=gd.MiniBatch(8), rule=gd.SGD(momentum=0.5), schedule=gd.Constant(0.05), label="mini"),
        gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.05), label="one row"),
    ),
    budget=gd.Budget(epochs=6),
)


def open_experiment(page: Page, server: Server, experiment: gd.Experiment = THREE, wishes: str = "") -> None:
    page.goto(f"{server.url}/compare?e={experiment.to_link_token()}{wishes}")
    page.locator(".st-key-gd-menu").wait_for()
    wait_ready(page)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    wait_ready(page)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    wait_ready(page)


def switch(page: Page, name: str) -> None:
    page.locator("label").filter(has_text=re.compile(f"^{name}$")).click()
    wait_ready(page)


def section(page: Page, key: str) -> Locator:
    """A section of the page by its key, opened."""
    found = page.locator(f".st-key-{key}")
    found.locator("summary").first.click()
    wait_ready(page)
    return found


def metric(page: Page, name: str, place: int = 0) -> str:
    found = page.get_by_test_id("stMetric").filter(has=page.get_by_text(name, exact=True)).nth(place)
    return found.get_by_test_id("stMetricValue").inner_text()


def drawn(page: Page, key: str, index: int) -> list[dict[str, Any]]:
    """The traces that plotly.js has drawn, with their numbers as plain lists."""
    return figure_of(page, key, index).evaluate(
        """(box) => box._fullData.filter((trace) => trace.visible === true).map(
            ({ name, type, mode, fill, x, y, customdata }) => ({
                name, type, mode, fill, x: Array.from(x ?? []), y: Array.from(y ?? []),
                customdata: Array.from(customdata ?? [], (row) => row?.length ? Array.from(row) : row),
            }))"""
    )


def named(traces: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(trace for trace in traces if trace["name"] == name)


# Single updates


def test_the_microscope_goes_back_and_forth_through_the_run(page: Page, app: Server) -> None:
    open_experiment(page, app)
    section(page, "gd-microscope")
    choose(page, "Variant to look at", "one row")
    run = THREE.run().runs[2]
    problem = run.problem
    seen = []
    for name, update in (("Forth", 2), ("Forth", 3), ("Back", 2), ("Last", 288)):
        press(page, name)
        assert metric(page, "Update") == f"{update} of 288"
        assert metric(page, "Loss after") == f"{run.loss[update]:.6g}"
        step = named(drawn(page, "microscope", CONTOUR_OF_UPDATE), "the step")
        # both axes are parameters: nothing is projected, and the step's ends are those of the run
        np.testing.assert_allclose([step["x"], step["y"]], run.theta[update - 1 : update + 1].T, rtol=1e-12)
        seen.append(step["x"])
        (row,) = named(drawn(page, "microscope", DATA_OF_UPDATE), "highlighted rows")["customdata"]
        steps = gd.replay(run, [update])
        assert row == problem.training_rows[steps.rows[0][0]] + 1
    assert seen[0] == seen[2] != seen[1]
    names = [trace["name"] for trace in drawn(page, "microscope", CONTOUR_OF_UPDATE)]
    assert {"full gradient, downhill", "gradient on the batch, downhill"} <= set(names)
    assert "batch" not in names
    written = page.locator(".st-key-gd-microscope").get_by_test_id("stCode").inner_text()
    assert re.search(r"theta\s+← theta - rate \* g", written)
    assert f"= {run.theta[288, 1]:.6g}" in written or f"= {run.theta[288, 0]:.6g}" in written


def test_the_arrows_are_where_the_eye_can_see_them(page: Page, app: Server) -> None:
    open_experiment(page, app)
    section(page, "gd-microscope")
    choose(page, "Variant to look at", "mini")
    lengths = figure_of(page, "microscope", CONTOUR_OF_UPDATE).evaluate(
        """(box) => {
            const { xaxis, yaxis } = box._fullLayout;
            return box._fullData.filter(({ name }) => /downhill|the step/.test(name)).map(({ x, y }) =>
                Math.hypot(xaxis.d2p(x[1]) - xaxis.d2p(x[0]), yaxis.d2p(y[1]) - yaxis.d2p(y[0])));
        }"""
    )
    assert len(lengths) == 3
    assert max(lengths) > 40
    assert max(lengths) < 400


def test_the_player_leads_the_microscope(page: Page, app: Server) -> None:
    open_experiment(page, app)
    section(page, "gd-microscope")
    choose(page, "Variant to look at", "mini")
    press(page, "To the start")
    for _ in range(20):
        page.get_by_role("button", name="Step forward", exact=True).click()
    update = page.locator(".gd-readout table").evaluate(
        """(table) => {
            const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
            return Number(table.tBodies[0].rows[1].cells[titles.indexOf("update")].textContent);
        }"""
    )
    assert update > 1
    expect(page.get_by_test_id("stMetric").first).to_contain_text(f"{update} of 36")


# Theory, fairness, tuning


def test_theory_is_drawn_over_the_measured_curves(page: Page, app: Server) -> None:
    open_experiment(page, app)
    before = trace_count(page, "compare", LOSS)
    switch(page, "What theory predicts")
    assert trace_count(page, "compare", LOSS) == before + 2
    predicted = named(drawn(page, "compare", LOSS), "batch: predicted")
    run = THREE.run().runs[0]
    np.testing.assert_allclose(predicted["y"], run.loss, rtol=1e-6)
    floor = named(drawn(page, "compare", LOSS), "one row: predicted")
    assert len(set(floor["y"])) == 1
    expect(page.get_by_text("batch: Theory predicts every loss of this run")).to_be_visible()
    expect(page.get_by_text("one row: Theory expects the loss to settle around")).to_be_visible()
    # a rule with momentum and sampled rows is beyond the theory here, and the page says that
    expect(page.get_by_text("mini: Here theory says nothing")).to_be_visible()


def test_the_rates_limit_and_best_are_marked_on_the_control(page: Page, app: Server) -> None:
    open_experiment(page, app)
    strip = page.locator(".st-key-gd-variant-0 [aria-hidden=true][style*=gradient]")
    expect(strip).to_have_count(1)
    best = strip.locator("span").evaluate("(mark) => parseFloat(mark.style.left)")
    limit = float(re.search(r"transparent ([\d.]+)%", strip.get_attribute("style") or "").group(1))
    curvature = gd.curvature(THREE.run().problem)
    assert best < limit
    assert curvature.best_learning_rate < curvature.max_stable_learning_rate
    slider = page.locator(".st-key-gd-variant-0").get_by_role("slider")
    for share, rate in ((best, curvature.best_learning_rate), (limit, curvature.max_stable_learning_rate)):
        place = slider.evaluate("(handle) => handle.parentElement.getBoundingClientRect().width") * share / 100
        assert place > 0
        # eight options a decade: the mark is within one of them of the rate it stands for
        assert 10 ** (-6 + 9 * share / 100) == pytest.approx(rate, rel=0.35)


def test_fairness_is_one_line_that_opens(page: Page, app: Server) -> None:
    open_experiment(page, app)
    line = page.locator(".st-key-gd-fair summary")
    expect(line).to_contain_text("the same data, the same start, the same row order, a budget of 6 epochs each")
    table = page.locator(".st-key-gd-fair").get_by_test_id("stDataFrame")
    expect(table).not_to_be_visible()
    line.click()
    expect(table).to_be_visible()


def test_tuning_marks_the_chosen_rates_and_says_how_they_were_found(page: Page, app: Server) -> None:
    open_experiment(page, app)
    press(page, "Tune all rates")
    problem = THREE.run().problem
    chosen = gd.tune(problem, THREE.variants, THREE.budget)
    notice = page.get_by_role("alert").filter(has_text="Tuned: every variant tried the same 25 learning rates")
    expect(notice).to_be_visible()
    for i, each in enumerate(chosen):
        expect(notice).to_contain_text(f"{each.variant.label}: {each.learning_rate:g}")
        box = page.locator(f".st-key-gd-variant-{i}").get_by_role("spinbutton", name="Learning rate, typed")
        assert float(box.input_value()) == each.learning_rate


# Curves


def test_seeds_draw_medians_with_bands(page: Page, app: Server) -> None:
    open_experiment(page, app)
    box = page.get_by_role("spinbutton", name="Seeds")
    box.fill("9")
    box.press("Enter")
    wait_ready(page)
    traces = drawn(page, "compare", LOSS)
    medians = [trace for trace in traces if trace["name"].endswith("(median of 9)")]
    assert len(medians) == 3
    shades = [trace for trace in traces if trace["fill"] == "toself"]
    assert len(shades) == 3
    # batch descent is the same for every seed; one row at a time is not, and its shade has an area
    compared = gd.compare(THREE.run().problem, THREE.variants, THREE.budget, seeds=9)
    np.testing.assert_allclose(medians[2]["y"][-1], compared.band(2).median[-1], rtol=1e-6)
    band = compared.band(2)
    assert min(shades[2]["y"]) < band.median.min()
    assert band.high[-1] > band.low[-1]


@pytest.mark.parametrize(
    "names", [("Logarithmic axis",), ("Logarithmic loss",), ("Logarithmic axis", "Logarithmic loss")]
)
def test_axes_are_logarithmic_both_ways(page: Page, app: Server, names: tuple[str, ...]) -> None:
    open_experiment(page, app)
    kinds = "(box) => [box._fullLayout.xaxis.type, box._fullLayout.yaxis.type]"
    before = figure_of(page, "compare", LOSS).evaluate(kinds)
    assert before == ["linear", "log"]
    for name in names:
        switch(page, name)
    expected = ["log" if "Logarithmic axis" in names else "linear", "linear" if "Logarithmic loss" in names else "log"]
    assert figure_of(page, "compare", LOSS).evaluate(kinds) == expected


def test_hovering_reads_out_what_was_recorded_to_the_last_digit(page: Page, app: Server) -> None:
    open_experiment(page, app)
    figure = figure_of(page, "compare", LOSS)
    figure.scroll_into_view_if_needed()
    run = THREE.run().runs[0]
    x, y = figure.evaluate(
        """(box) => {
            const { xaxis, yaxis } = box._fullLayout, corner = box.getBoundingClientRect();
            const trace = box._fullData.find(({ name }) => name === "batch");
            return [corner.x + xaxis._offset + xaxis.d2p(trace.x[2]), corner.y + yaxis._offset + yaxis.d2p(trace.y[2])];
        }"""
    )
    page.mouse.move(x + 30, y)
    page.mouse.move(x, y, steps=4)
    text = figure.locator(".hoverlayer .hovertext").first
    expect(text).to_contain_text("batch")
    said = text.text_content() or ""
    assert "epoch 2" in said
    assert "update 2" in said
    assert "96 examples seen" in said
    loss = float(re.search(r"loss ([-\d.e]+?)(?=epoch|\s|$)", said).group(1))
    assert loss == run.loss[2]


def test_what_the_figures_leave_out_is_said_below_them(page: Page, app: Server) -> None:
    open_experiment(page, app)
    expect(page.get_by_text(re.compile("Surface and Contours: .*Heights are log10"))).to_be_visible()
    switch(page, "Logarithmic axis")
    expect(page.get_by_text("A logarithmic axis has no 0 epochs: the start is not drawn.")).to_be_visible()


# Scaling


def test_scaling_shows_the_ravine_and_the_bowl(page: Page, app: Server) -> None:
    open_experiment(page, app, gd.Experiment(gd.Bundled("linnerud"), variants=THREE.variants, budget=THREE.budget))
    switch(page, "Show both")
    data = gd.load("linnerud")
    for place, scaling in enumerate(("none", "standard")):
        wanted = gd.curvature(gd.Regression(data, scaling=scaling)).condition_number
        shown = float(metric(page, "Condition number", place).replace(",", ""))
        assert shown == pytest.approx(wanted, rel=1e-3)
        assert trace_count(page, f"scaling-{scaling}", 0) >= 3
        assert trace_count(page, f"scaling-{scaling}", 1) >= 3

    def shape(scaling: str) -> float:
        """How much wider than high the contours' window is, in the parameters' own units."""
        u, v = figure_of(page, f"scaling-{scaling}").evaluate(
            """(box) => { const { x, y } = box._fullData[0]; return [x.at(-1) - x[0], y.at(-1) - y[0]]; }"""
        )
        return max(u / v, v / u)

    assert shape("none") > 2 * shape("standard")


# Take it away


def taken(page: Page) -> Locator:
    return section(page, "gd-take-away")


def address_in(part: Locator) -> str:
    return part.get_by_test_id("stCode").first.inner_text().strip()


def losses(page: Page) -> list[list[float]]:
    """The losses that each curve has for its readout, as recorded; the player's points have none."""
    return [
        [row[-1] for row in trace["customdata"]]
        for trace in drawn(page, "compare", LOSS)
        if trace["name"] in ("batch", "mini", "one row") and trace["customdata"]
    ]


def test_a_link_opens_on_another_server_with_the_same_numbers(
    page: Page, app: Server, browser: Browser, tmp_path: Path
) -> None:
    open_experiment(page, app)
    address = address_in(taken(page))
    assert address.startswith(f"{app.url}/compare?e=")
    other = start_server(ROOT / "app.py", tmp_path)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(45_000)
    try:
        second = context.new_page()
        second.goto(address.replace(app.url, other.url))
        second.locator(".st-key-gd-menu").wait_for()
        wait_ready(second)
        assert losses(second) == losses(page)
        assert len(losses(second)) == 3
        expect(second.get_by_role("textbox", name="Name of variant 2")).to_have_value("mini")
        expect(second.get_by_role("spinbutton", name="Epochs")).to_have_value("6")
    finally:
        context.close()
        other.stop()


def test_the_link_is_copied_by_its_button_and_drawn_as_a_qr_code(page: Page, app: Server) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_experiment(page, app)
    part = taken(page)
    address = address_in(part)
    part.get_by_test_id("stCode").first.hover()
    part.get_by_role("button", name="Copy to clipboard").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == address
    image = part.locator("img").first
    expect(image).to_be_visible()
    width, source = image.evaluate(
        """async (image) => {
            const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
            return [image.naturalWidth, btoa(String.fromCharCode(...bytes))];
        }"""
    )
    # a phone reads a module of two pixels and more; the picture is that of this very address
    assert width >= 100
    assert base64.b64decode(source) == take_away.qr_code.__wrapped__(address)


def download(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as caught:
        page.locator(".st-key-gd-take-away").get_by_role("button", name=name).click()
    path = folder / caught.value.suggested_filename
    caught.value.save_as(path)
    return path


def test_what_is_downloaded_is_what_was_computed(page: Page, app: Server, tmp_path: Path, browser: Browser) -> None:
    open_experiment(page, app)
    taken(page)
    compared = THREE.run()
    trace = download(page, "Trace, CSV", tmp_path).read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(trace)))
    for label, run in zip(compared.labels, compared.runs, strict=True):
        mine = [row for row in rows if row["variant"] == label]
        assert [float(row["loss"]) for row in mine] == run.loss.tolist()
        assert [float(row["theta: x1"]) for row in mine] == run.theta[:, 1].tolist()
    described = download(page, "Experiment, JSON", tmp_path).read_text("utf-8")
    assert gd.Experiment.from_json(described) == THREE
    for name in ("Script, NumPy", "Script, PyTorch", "Script, scikit-learn"):
        compile(download(page, name, tmp_path).read_text("utf-8"), name, "exec")
    printed = subprocess.run(
        [sys.executable, str(tmp_path / "descent_numpy.py")], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    numbers = [float(text) for text in re.findall(r"-?\d+\.\d{6,}(?:e[-+]\d+)?", printed)]
    for run in compared.runs:
        for value in run.final:
            assert np.isclose(numbers, value, rtol=1e-10, atol=0).any()
    for name, least in (("Loss", 4), ("Surface", 4), ("Contours", 4), ("Fit", 4)):
        path = download(page, f"{name}, HTML", tmp_path)
        assert path.name == f"{name.lower()}.html"
        context = browser.new_context()
        try:
            alone = context.new_page()
            alone.goto(path.as_uri())
            alone.wait_for_function("() => document.querySelector('.js-plotly-plot')?._fullData")
            assert alone.evaluate("document.querySelector('.js-plotly-plot')._fullData.length") >= least
        finally:
            context.close()


def test_an_experiment_saved_as_json_is_opened(page: Page, app: Server, tmp_path: Path) -> None:
    page.goto(f"{app.url}/compare")
    page.locator(".st-key-gd-menu").wait_for()
    wait_ready(page)
    part = taken(page)
    path = tmp_path / "experiment.json"
    path.write_text(THREE.to_json(), "utf-8")
    part.locator("input[type=file]").set_input_files(path)
    expect(page.get_by_role("textbox", name="Name of variant 2")).to_have_value("mini")
    wait_ready(page)
    for shown, run in zip(losses(page), THREE.run().runs, strict=True):
        assert set(shown) <= set(run.loss.tolist())
    path.write_text('{"evil": 1}', "utf-8")
    page.locator(".st-key-gd-take-away input[type=file]").set_input_files(path)
    expect(page.get_by_text("This file is not an experiment")).to_be_visible()


# Files behind links


def test_a_link_about_a_file_asks_for_it_refuses_another_and_restores_everything(
    page: Page, app: Server, tmp_path: Path
) -> None:
    draw = np.random.default_rng(5)
    table = pd.DataFrame({"a": draw.normal(size=50), "b": draw.normal(size=50), "price": draw.normal(size=50)})
    data = gd.to_dataset(table, target="price", name="mine.csv")
    uploaded = gd.Uploaded(data.fingerprint, "mine.csv", "price")
    described = gd.Experiment(uploaded, THREE.model, THREE.variants, THREE.budget)
    open_experiment(page, app, described)
    expect(page.get_by_text("Data in use:")).to_contain_text("mine.csv (uploaded, and not here yet)")
    assert page.locator(".st-key-compare").count() == 0
    wrong, right = tmp_path / "mine.csv", tmp_path / "renamed.csv"
    table.to_csv(right, index=False)
    table.loc[3, "a"] += 1.0
    table.to_csv(wrong, index=False)
    page.locator("input[type=file]").set_input_files(wrong)
    expect(page.get_by_role("alert").filter(has_text="its contents have another fingerprint")).to_be_visible()
    page.locator("input[type=file]").set_input_files(right)
    page.locator(".st-key-compare .gd-figure").first.wait_for()
    wait_ready(page)
    expect(page.get_by_text("Data in use:")).to_contain_text("renamed.csv (uploaded), 50 rows, 2 features")
    # the longer curves are thinned, and what is left of them is the run's own
    for shown, run in zip(losses(page), described.run(data).runs, strict=True):
        assert set(shown) <= set(run.loss.tolist())
        assert (shown[0], shown[-1]) == (run.loss[0], run.loss[-1])


# Lessons


def test_a_teachers_link_locks_and_hides_and_the_page_says_so(page: Page, app: Server) -> None:
    open_experiment(page, app, THREE, "&lock=variants&hide=presets,budget")
    notice = page.get_by_text("set this page up for a lesson")
    expect(notice).to_be_visible()
    expect(notice).to_contain_text(f"Locked: {locks.SECTIONS['variants']}.")
    expect(notice).to_contain_text(f"Hidden: {locks.SECTIONS['presets']}, {locks.SECTIONS['budget']}.")
    expect(page.get_by_role("button", name="The three types")).to_have_count(0)
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_count(0)
    expect(page.get_by_role("spinbutton", name="Learning rate, typed").first).to_be_disabled()
    expect(page.get_by_role("button", name="Tune all rates")).to_be_disabled()
    # what is not locked still works
    switch(page, "Logarithmic loss")
    assert figure_of(page, "compare", LOSS).evaluate("(box) => box._fullLayout.yaxis.type") == "linear"


@pytest.mark.parametrize("name", ["three-types", "momentum"])
def test_a_teachers_link_opens_a_preset(page: Page, app: Server, name: str) -> None:
    page.goto(f"{app.url}/compare?preset={name}")
    page.locator(".st-key-gd-menu").wait_for()
    wait_ready(page)
    wanted = {"three-types": "mini-batch", "momentum": "momentum"}[name]
    expect(page.get_by_role("textbox", name="Name of variant 2")).to_have_value(wanted)


# A phone


@pytest.mark.parametrize(
    "view", [{"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}], indirect=True
)
def test_the_microscope_fits_a_phone(page: Page, app: Server) -> None:
    open_experiment(page, app)
    section(page, "gd-microscope")
    press(page, "Forth")
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 375
    assert metric(page, "Update") == "2 of 6"
