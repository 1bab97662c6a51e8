"""The README is true: its example runs, and the rule that it adds works everywhere a rule appears."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import gd_core as gd
from gd_core.rules import RULES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def block(name: str) -> str:
    """The code block that follows a marked comment."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", README, re.S)
    assert found is not None, f"the README has no block named {name}"
    return found.group(1)


@pytest.fixture
def signum(tmp_path: Path) -> Iterator[type]:
    """The README's rule, registered for one test."""
    path = tmp_path / "signum_rule.py"
    path.write_text(block("new-rule"))
    spec = importlib.util.spec_from_file_location("signum_rule", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["signum_rule"] = module
    spec.loader.exec_module(module)
    yield module.Signum
    del RULES["Signum"], sys.modules["signum_rule"]


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(compile(block("example"), "README.md", "exec"), names)
    assert "Adam" in capsys.readouterr().out
    assert len(names["figure"].data) >= 2


def test_pictures_and_paths_exist() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_a_new_rule_descends_as_its_formula_says(signum: type) -> None:
    problem = gd.Regression(gd.load("diabetes"))
    variant = gd.Variant(rule=signum(beta=0.5), schedule=gd.Constant(0.3))
    run = gd.compare(problem, [variant, gd.Variant()], gd.Budget(updates=40)).runs[0]
    theta, mean = problem.start, np.zeros(problem.n_params)
    for _ in range(40):
        mean = 0.5 * mean + 0.5 * (problem.full_kernel.X @ theta - problem.full_kernel.y)
        theta = theta - 0.3 * np.sign(mean)
    np.testing.assert_allclose(run.final, theta, rtol=1e-12)


def test_a_new_rule_stands_in_figures_links_and_scripts(signum: type, capsys: pytest.CaptureFixture[str]) -> None:
    variant = gd.Variant(rule=signum(), schedule=gd.Constant(0.3))
    experiment = gd.Experiment(gd.Generated("linear"), variants=(variant, gd.Variant()), budget=gd.Budget(epochs=5))
    assert gd.Experiment.from_link_token(experiment.to_link_token()) == experiment
    compared = experiment.run()
    figure = gd.figures.loss_curves(compared.runs, labels=compared.labels)
    assert any("Signum" in (trace.name or "") for trace in figure.data)
    exec(compile(gd.script(experiment, "numpy"), "script.py", "exec"), {"__name__": "__main__"})
    printed = [float(text) for text in re.findall(r"-?\d+\.\d+(?:e[+-]?\d+)?", capsys.readouterr().out)]
    for value in compared.runs[0].final:
        assert any(abs(value - other) <= 1e-10 * max(1.0, abs(value)) for other in printed)


def test_a_new_rule_stands_in_the_pages_menus(signum: type) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.run()
    app.switch_page("pages/compare.py").run()
    rule = next(each for each in app.selectbox if each.label == "Rule")
    assert "Signum" in rule.options
    rule.select("Signum").run()
    assert not app.exception
    assert not [error for error in app.error if "Something went wrong" in error.value]
