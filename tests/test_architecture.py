"""The direction of imports, read from the source: nothing imports to its right."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

# A module may import what stands on a line above it, or to its left on its own line.
# A name stands for a file or for a folder; within a folder everything may import everything.
LAYERS = """
    checks costs compiled losses models sampling rules schedules datasets tables opcodes machine textbook
    problem
    expressions
    typed_rules
    optimum
    regression surfaces
    curvature explanation
    descent
    comparison replay sweep theory landscape basins prediction tuning pseudocode
    experiment export exercises estimator
    figures
    pages/shared
    pages
"""
ORDER = LAYERS.split()

INPUT_WIDGETS = {
    "audio_input", "button", "camera_input", "chat_input", "checkbox", "color_picker", "data_editor", "date_input",
    "datetime_input", "download_button", "feedback", "file_uploader", "form", "form_submit_button", "menu_button",
    "multiselect", "number_input", "pills", "radio", "segmented_control", "select_slider", "selectbox", "slider",
    "text_area", "text_input", "time_input", "toggle",
}  # fmt: skip


class Import(NamedTuple):
    """One imported module, by its full name, and the line that imports it."""

    name: str
    line: int


def sources() -> list[Path]:
    """Every Python file of the product."""
    return [ROOT / "app.py", *sorted(ROOT.glob("gd_core/**/*.py")), *sorted(ROOT.glob("pages/**/*.py"))]


def place(path: Path) -> str:
    """The name under which a file stands in `LAYERS`; "gd_core" for the package's own front door."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "gd_core":
        return "gd_core" if parts[1] == "__init__" else parts[1]
    return "pages/shared" if parts[:2] == ("pages", "shared") else "pages"


def place_of_module(name: str) -> str | None:
    """The same for an imported module's full name; None for one that is not ours."""
    parts = name.split(".")
    if parts[0] == "gd_core":
        return parts[1] if len(parts) > 1 else "gd_core"
    if parts[0] == "pages":
        return "pages/shared" if parts[1:2] == ["shared"] else "pages"
    return None


def imports(tree: ast.AST) -> Iterator[Import]:
    """Every import in a file, inside functions too; what stands under TYPE_CHECKING is only read by type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from imports(other)
        elif isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are written with their full name"
            yield Import(node.module or "", node.lineno)
            if node.module in ("gd_core", "pages", "pages.shared"):
                yield from (Import(f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        else:
            yield from imports(node)


def read(path: Path) -> tuple[ast.Module, list[Import]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tree, list(imports(tree))


def faults(path: Path, tree: ast.Module, found: list[Import]) -> list[str]:
    """What a file does that its place does not allow, in words."""
    here, wrong = place(path), []
    inside_core = path.is_relative_to(ROOT / "gd_core")
    for module, line in found:
        package = module.split(".")[0]
        if package == "streamlit" and inside_core:
            wrong.append(f"line {line}: gd_core never imports Streamlit")
        if package == "plotly" and here != "figures":
            wrong.append(f"line {line}: only gd_core/figures imports Plotly")
        there = place_of_module(module)
        if there in ORDER and here in ORDER and ORDER.index(there) > ORDER.index(here):
            wrong.append(f"line {line}: {here} imports {there}, which stands to its right")
        if here == "gd_core" and there is not None:
            wrong.append(f"line {line}: gd_core/__init__.py loads names when they are used, and imports none at once")
        if there == "gd_core" and inside_core and module == "gd_core":
            wrong.append(f"line {line}: inside gd_core, import from the module that has the name")
    return wrong + (widget_faults(tree) if here == "pages" else [])


def widget_faults(tree: ast.Module) -> list[str]:
    """Where a page itself keeps state or makes an input widget, rather than asking pages/shared."""
    shared = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and place_of_module(node.module or "") == "pages/shared"
        for alias in node.names
    }
    wrong = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        root: ast.expr = node
        while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
            root = root.func if isinstance(root, ast.Call) else root.value
        if isinstance(root, ast.Name) and root.id in shared:
            continue
        if node.attr == "session_state":
            wrong.append(f"line {node.lineno}: only pages/shared touches st.session_state")
        if node.attr in INPUT_WIDGETS:
            wrong.append(f"line {node.lineno}: only pages/shared makes input widgets, such as {node.attr}")
    return wrong


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_to_its_right(path: Path) -> None:
    where = place(path)
    assert where in [*ORDER, "gd_core"], (
        f"{where} has no place yet: add it to LAYERS in tests/test_architecture.py, below all that it imports"
    )
    assert faults(path, *read(path)) == []


FORBIDDEN = [
    ("gd_core/losses.py", "from gd_core.descent import Run", "losses imports descent"),
    ("gd_core/losses.py", "def f():\n    import gd_core.sweep", "losses imports sweep"),
    ("gd_core/descent/drive.py", "from gd_core import comparison", "descent imports comparison"),
    ("gd_core/descent/drive.py", "import gd_core as gd", "import from the module that has the name"),
    ("gd_core/descent/drive.py", "import streamlit", "never imports Streamlit"),
    ("gd_core/export.py", "import plotly.graph_objects as go", "only gd_core/figures"),
    ("gd_core/figures/curves.py", "from pages.shared import chart", "figures imports pages/shared"),
    ("gd_core/__init__.py", "from gd_core.rules import SGD", "loads names when they are used"),
    ("pages/shared/chart.py", "import pages.compare", "pages/shared imports pages"),
    ("pages/compare.py", "import streamlit as st\nst.session_state['a'] = 1", "st.session_state"),
    ("pages/compare.py", "import streamlit as st\nst.sidebar.slider('a')", "input widgets, such as slider"),
    ("app.py", "import streamlit as st\nst.columns(2)[0].button('a')", "input widgets, such as button"),
]


@pytest.mark.parametrize(("path", "source", "fault"), FORBIDDEN)
def test_a_forbidden_line_is_found(path: str, source: str, fault: str) -> None:
    tree = ast.parse(source)
    assert fault in " ".join(faults(ROOT / path, tree, list(imports(tree))))


ALLOWED = [
    (
        "gd_core/explanation.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gd_core.descent import Run",
    ),
    ("gd_core/comparison.py", "from gd_core.descent import Run"),
    ("gd_core/figures/curves.py", "import plotly.graph_objects as go"),
    ("pages/compare.py", "import gd_core as gd\nfrom pages.shared import controls\ncontrols.slider('a')"),
    ("pages/shared/controls.py", "import streamlit as st\nst.slider('a')\nst.session_state['a'] = 1"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_an_allowed_line_passes(path: str, source: str) -> None:
    tree = ast.parse(source)
    assert faults(ROOT / path, tree, list(imports(tree))) == []
