"""The frame and the chart view without a browser: what they send, what they accept, and what they keep off the page."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from pages.shared import chart, frame

ROOT = Path(__file__).parents[1]


def unpacked(packed: dict) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(packed["bdata"]), dtype=packed["dtype"])
    return values.reshape([int(part) for part in packed["shape"].split(",")]) if "shape" in packed else values


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_arrays_are_sent_as_bytes_in_the_precision_they_have(dtype: str) -> None:
    height = np.random.default_rng(0).random((60, 60)).astype(dtype)
    height[0, 0] = np.nan
    wire = chart.to_wire(go.Figure(go.Surface(z=height)))
    packed = json.loads(wire)["data"][0]["z"]
    assert packed["dtype"] == dtype
    np.testing.assert_array_equal(unpacked(packed), height)
    assert len(wire) < height.nbytes * 4 / 3 + 200


def test_wire_is_strict_json() -> None:
    figure = go.Figure(go.Scatter(x=[1.0, float("nan")], y=[float("inf"), None], text=["a", None]))
    figure.update_layout(title="run", meta={"when": np.datetime64("2020-01-01"), "n": np.int64(3)})
    content = json.loads(chart.to_wire(figure))
    assert content["data"][0]["x"] == [1.0, None]
    assert content["data"][0]["y"] == [None, None]
    assert content["layout"]["meta"] == {"when": "2020-01-01", "n": 3}
    assert "template" not in content["layout"], "Plotly's own template would hide the page's theme"


def test_own_template_is_kept() -> None:
    figure = go.Figure(layout={"template": {"layout": {"margin": {"l": 3}}}})
    assert json.loads(chart.to_wire(figure))["layout"]["template"]["layout"]["margin"]["l"] == 3


CLICK = {"figure": 0, "curve": 1, "point": 7, "x": 7, "y": 0.5, "z": None, "customdata": [1, 2]}


@pytest.mark.parametrize(
    ("payload", "accepted"),
    [
        (CLICK, True),
        ({**CLICK, "point": [3, 4]}, True),
        ({**CLICK, "x": "a category"}, True),
        (None, False),
        ("click", False),
        ({**CLICK, "x": {"html": "<b>"}}, False),
        ({**CLICK, "curve": "all"}, False),
        ({"figure": 0}, False),
    ],
)
def test_clicks_from_a_browser_are_checked(payload: object, accepted: bool) -> None:
    assert (chart._click(payload) is not None) is accepted


def test_several_summaries_must_be_one_a_figure() -> None:
    with pytest.raises(ValueError, match=r"one a figure \(1\), got 2"):
        chart.show(go.Figure(), key="k", summary=["one", "two"])


@pytest.mark.parametrize("entry", frame.PAGES, ids=lambda entry: entry.title)
def test_every_page_of_the_menu_runs(entry: frame.Page) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    if entry.path != "app.py":
        app.switch_page(entry.path).run()
    assert not app.exception
    assert not app.error
    assert {link.proto.label for link in app.get("page_link")} >= {page.title for page in frame.PAGES}


def failing_page() -> None:
    import streamlit as st

    from pages.shared.guard import guard

    with guard():
        st.text("before")
        raise RuntimeError("secret <b>detail</b>")
    st.text("after")


def test_guard_says_a_sentence_logs_the_error_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        app = AppTest.from_function(failing_page, default_timeout=60).run()
    assert not app.exception
    assert "secret" not in app.error[0].value
    assert [text.value for text in app.text] == ["before", "after"]
    assert "secret <b>detail</b>" in caplog.text


def stopping_page() -> None:
    import streamlit as st

    from pages.shared.guard import guard

    with guard():
        if "again" not in st.session_state:
            st.session_state["again"] = True
            st.rerun()
        st.text("second run")
        st.stop()
    st.text("never")


def test_guard_lets_rerun_and_stop_pass() -> None:
    app = AppTest.from_function(stopping_page, default_timeout=60).run()
    assert not app.error
    assert [text.value for text in app.text] == ["second run"]


def test_unknown_title_is_refused() -> None:
    with pytest.raises(ValueError, match=r"title must be one of Learn, .* got 'Nowhere'"), frame.open_page("Nowhere"):
        pass


def test_data_in_use_is_shown_as_it_is() -> None:
    def lines() -> None:
        import streamlit as st

        from pages.shared import frame

        page = frame.Frame(st.empty())
        page.data_in_use("**x** <b>y</b> ![z](http://z)")

    app = AppTest.from_function(lines, default_timeout=60).run()
    assert [text.value for text in app.text] == ["Data in use: **x** <b>y</b> ![z](http://z)"]
    assert not app.markdown


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("runner.postScriptGC", False),
        ("runner.magicEnabled", False),
        ("client.showErrorDetails", "none"),
        ("client.showSidebarNavigation", False),
        ("browser.gatherUsageStats", False),
        ("server.maxUploadSize", 200),
    ],
)
def test_configuration_is_the_one_that_was_measured(option: str, value: object) -> None:
    assert config.get_option(option) == value
    assert st.get_option(option) == value


def test_every_configured_option_exists() -> None:
    import tomllib

    def names(table: dict, prefix: str) -> list[str]:
        return [
            name
            for key, value in table.items()
            for name in (names(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key])
        ]

    configured = names(tomllib.loads((ROOT / ".streamlit/config.toml").read_text("utf-8")), "")
    assert set(configured) <= set(config._config_options_template)
    assert len(config.get_option("theme.chartCategoricalColors")) == 10, "Streamlit ignores a list of another length"
