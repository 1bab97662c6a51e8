"""The public names, and what importing them costs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gd_core as gd

HEAVY = ("numba", "sklearn", "pandas", "plotly", "scipy", "joblib", "streamlit")


def test_all_is_the_sorted_public_names() -> None:
    assert gd.__all__ == sorted(set(gd.__all__))
    assert dir(gd) == gd.__all__


@pytest.mark.parametrize("name", gd.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(gd, name) is not None
    assert not name.startswith("_")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"gd_core.*'descent_of_man'"):
        gd.descent_of_man


def loaded_after(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after running ``code``."""
    report = f"import json, sys\n{code}\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import gd_core") == set()


def test_settings_and_menus_load_nothing_heavy() -> None:
    code = (
        "import gd_core as gd\n"
        "gd.Variant(sampling=gd.MiniBatch(8), rule=gd.Adam(), schedule=gd.Cosine(0.1)), gd.Budget(epochs=1)\n"
        "gd.RULES, gd.SCHEDULES, gd.LOSSES, gd.MODELS, gd.SCALINGS, gd.GENERATORS, gd.BUNDLED, gd.TableError"
    )
    assert loaded_after(code) == set()


def test_no_two_test_files_share_a_name() -> None:
    # pytest imports them by their bare names, and would stop at the second one
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
