"""A person's formula: what is read, what is refused, and that values and gradients are exact."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hostile import FORMULAS, NOT_A_TEXT, WITHOUT_A_VARIABLE, attempt, refusal
from hypothesis import given
from hypothesis import strategies as st

import gd_core as gd
from gd_core.expressions.parsing import FUNCTIONS, parse

FUNCTIONS_OF_NUMPY: dict[str, Callable[..., Any]] = {
    "abs": np.abs, "sign": np.sign, "sqrt": np.sqrt, "exp": np.exp, "log": np.log, "ln": np.log, "log2": np.log2,
    "log10": np.log10, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "min": np.minimum, "max": np.maximum,
}  # fmt: skip
NAMES_OF_NUMPY = {**FUNCTIONS_OF_NUMPY, "pi": np.pi, "e": np.e}


def numpy_value(text: str, x: Any, y: Any) -> Any:
    """The same formula read by Python and evaluated by NumPy: the oracle, for texts that this file wrote."""
    with np.errstate(all="ignore"):
        return eval(text.replace("^", "**"), {"__builtins__": {}}, {**NAMES_OF_NUMPY, "x": x, "y": y})


def complex_step(function: Callable[[complex, complex], Any], x: float, y: float) -> np.ndarray:
    """The gradient to rounding: no difference is taken (Squire and Trapp, 1998)."""
    step = 1e-30
    return np.array([np.imag(function(x + 1j * step, y + 0j)), np.imag(function(x + 0j, y + 1j * step))]) / step


# reading

READ = [
    ("x^2 + 3*y^2", "x**2 + 3*y**2"),
    ("-x^2", "-(x**2)"),
    ("2^-x", "2**(-x)"),
    ("x^2^3", "x**(2**3)"),
    ("(x^2)^3", "(x**2)**3"),
    ("x**-1", "1/x"),
    ("x - y - 1", "(x - y) - 1"),
    ("x/y/2", "(x/y)/2"),
    ("x/2*y", "(x/2)*y"),
    ("x - -y", "x + y"),
    ("--x", "x"),
    ("+x", "x"),
    ("-2^2*x", "-4*x"),
    ("1.5e-1*x + .5 + 2.", "0.15*x + 2.5"),
    ("e*x + pi", "2.718281828459045*x + 3.141592653589793"),
    ("x e".replace(" ", "*"), "x*2.718281828459045"),
    ("  sin ( x )\t+y ", "sin(x) + y"),
    ("max(x, min(y, 2)) + ln(x + 3)", "max(x, min(y, 2)) + log(x + 3)"),
    ("x^0.5*y^(1/2)", "sqrt(x)*sqrt(y)"),
    ("2^x", "exp(x*log(2))"),
    ("x^y", "exp(y*log(x))"),
    ("x^0 + y", "1 + y"),
    ("x^(2 - 1)", "x"),
    ("x^-64 + y^64", "1/x**64 + y**64"),
    ("x" + "+x" * 149, "150*x"),
    ("(" * 49 + "x" + ")" * 49, "x"),
]


@pytest.mark.parametrize(("text", "meaning"), READ, ids=[text[:20] for text, _ in READ])
def test_a_formula_is_read_as_python_reads_it(text: str, meaning: str) -> None:
    x, y = np.array([0.3, 1.0, 2.5, 0.7]), np.array([0.4, 1.9, 0.2, 1.3])
    np.testing.assert_allclose(gd.Expression(text)(x, y), numpy_value(meaning, x, y), rtol=1e-13)


def test_values_broadcast_and_take_plain_numbers() -> None:
    expression = gd.Expression("x + 10*y")
    assert float(expression(1, 2)) == 21.0
    assert expression(np.arange(3.0), np.arange(2.0)[:, None]).tolist() == [[0, 1, 2], [10, 11, 12]]


LATEX = [
    ("x^2 + 3*y^2", "{x}^{2} + 3 \\, {y}^{2}"),
    ("(x + y)*2", "\\left(x + y\\right) \\cdot 2"),
    ("x - (y - 1)", "x - \\left(y - 1\\right)"),
    ("-(x + y)", "-\\left(x + y\\right)"),
    ("(x + 1)/(2*y)", "\\frac{x + 1}{2 \\, y}"),
    ("(x + y)^(2 + x)", "{\\left(x + y\\right)}^{2 + x}"),
    ("sqrt(x)*cos(2*pi*y)", "\\sqrt{x} \\, \\cos\\left(2 \\, \\pi \\, y\\right)"),
    ("2e-7*x", "2 \\cdot 10^{-7} \\, x"),
    ("(-x)^2", "{\\left(-x\\right)}^{2}"),
]


@pytest.mark.parametrize(("text", "latex"), LATEX)
def test_the_latex_shows_how_it_was_read(text: str, latex: str) -> None:
    assert gd.Expression(text).latex == latex


QUADRATIC = [
    ("x^2 + 3*y^2", [[2, 0], [0, 6]], [0, 0], 0),
    ("(x + 2*y - 7)^2 + (2*x + y - 5)^2", [[10, 8], [8, 10]], [34, 38], 74),
    ("x*(y - 1)/4 - 3", [[0, 0.25], [0.25, 0]], [0.25, 0], -3),
    ("-x^2 + sin(1)*y", [[-2, 0], [0, 0]], [0, -np.sin(1)], 0),
    ("(x*y)^1 + (x - y)^0", [[0, 1], [1, 0]], [0, 0], 1),
]


@pytest.mark.parametrize(("text", "hessian", "linear", "constant"), QUADRATIC)
def test_a_quadratic_is_recognised(text: str, hessian: Any, linear: Any, constant: float) -> None:
    found = gd.Expression(text).quadratic
    assert found is not None
    np.testing.assert_allclose(found[0], hessian, atol=1e-15)
    np.testing.assert_allclose(found[1], linear, atol=1e-15)
    assert found[2] == pytest.approx(constant, abs=1e-15)


@pytest.mark.parametrize("text", ["x^3", "x^2*y", "1/x", "x/y", "sin(x)", "abs(x)", "2^x", "x^0.5", "(x^2 + y)^2"])
def test_nothing_else_is_taken_for_a_quadratic(text: str) -> None:
    assert gd.Expression(text).quadratic is None


def test_an_expression_is_a_value() -> None:
    expression = gd.Expression("sin(x)*y + pi")
    copied = pickle.loads(pickle.dumps(expression))
    assert (copied, hash(copied)) == (expression, hash(expression))
    assert float(copied(1, 2)) == float(expression(1, 2))
    assert expression != gd.Expression("sin(x)*y + pi ")


def test_reading_a_formula_does_not_import_numba() -> None:
    code = "import sys, gd_core as gd; gd.Surface.named('bowl').formula; gd.TypedRule(); print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# gradients

# for each function a formula within its domain, at points away from its kinks
SMOOTH = [
    *(f"{name}(x*y + 1.3)" for name in ("sqrt", "exp", "log", "ln", "log2", "log10", "sin", "cos", "tan")),
    *(f"{name}(x*y + 0.1*x)" for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh")),
    "x^3 + y^-2 + x^2.5*y",
    "x^y + 2^x*y^1.5",
    "(x + y)^(x - y)",
    "x/y + y/(x + 2)",
    "-x*y - x + y",
]
POINTS = [(0.3, 0.7), (0.9, 0.4), (0.55, 1.2)]


@pytest.mark.parametrize("text", SMOOTH)
def test_the_gradient_of_every_function_is_exact(text: str) -> None:
    expression = gd.Expression(text)
    for x, y in POINTS:
        expected = complex_step(lambda u, v: numpy_value(text, u, v), x, y)
        np.testing.assert_allclose(expression.gradient((x, y)), expected, rtol=1e-13, atol=1e-14)


KINKED = [
    ("abs(x - y)", (0.3, 0.7), (-1, 1)),
    ("abs(x - y)", (0.7, 0.3), (1, -1)),
    ("sign(x)*y", (-2, 3), (0, -1)),
    ("min(x, 2*y)", (1, 3), (1, 0)),
    ("min(x, 2*y)", (7, 3), (0, 2)),
    ("max(3*x, y^2)", (1, 3), (0, 6)),
    ("max(3*x, y^2)", (5, 3), (3, 0)),
    # at a kink: no slope where the part inside stands still
    ("abs(x) + abs(y)", (0, 0), (0, 0)),
    ("sqrt(x^2 + y^2)", (0, 0), (0, 0)),
    ("sqrt(x^2 + y^2) + 3*x", (0, 0), (3, 0)),
    ("(x^2 + y^2)^0.5", (0, 0), (0, 0)),
    ("x^1 + y^0", (0, 0), (1, 0)),
]


@pytest.mark.parametrize(("text", "point", "gradient"), KINKED)
def test_the_gradient_beside_and_at_a_kink(text: str, point: Any, gradient: Any) -> None:
    assert gd.Expression(text).gradient(point).tolist() == list(gradient)


def test_every_function_has_its_gradient_tested() -> None:
    tested = " ".join([*SMOOTH, *(text for text, *_ in KINKED)])
    assert [name for name in FUNCTIONS if f"{name}(" not in tested] == []


@st.composite
def formulas(draw: st.DrawFn, depth: int = 4) -> str:
    """A smooth formula that has a value everywhere."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        number = st.floats(-3, 3).map(lambda c: f"({c:.4f})")
        return draw(st.one_of(st.sampled_from(["x", "y"]), number))
    inner = formulas(depth=depth - 1)
    kind = draw(st.sampled_from(["sign", "function", "power", "ratio", "root", "variable power"]))
    first, second = draw(inner), draw(inner)
    if kind == "function":
        return f"{draw(st.sampled_from(['sin', 'cos', 'tanh', 'atan']))}({first})"
    if kind == "power":
        return f"({first})^{draw(st.integers(0, 3))}"
    if kind == "ratio":
        return f"({first})/(1.5 + ({second})^2)"
    if kind == "root":
        return f"{draw(st.sampled_from(['sqrt', 'log']))}(1.5 + ({first})^2)"
    if kind == "variable power":
        return f"(1.5 + sin({first}))^cos({second})"
    return f"(({first}) {draw(st.sampled_from('+-*'))} ({second}))"


@given(formulas(), st.floats(-2, 2), st.floats(-2, 2))
def test_the_gradient_of_any_formula_is_exact(text: str, x: float, y: float) -> None:
    text = f"x + {text}"
    if len(text) > 300:
        return
    expression = gd.Expression(text)
    value = complex(numpy_value(text, complex(x), complex(y)))
    gradient = complex_step(lambda u, v: numpy_value(text, u, v), x, y)
    assert float(expression(x, y)) == pytest.approx(value.real, rel=1e-9, abs=1e-9)
    # the arithmetic of both is exact to rounding; what rounding is worth grows with the numbers on the way
    scale = 1.0 + float(np.abs(gradient).max()) + abs(value)
    np.testing.assert_allclose(expression.gradient((x, y)), gradient, rtol=1e-9, atol=1e-9 * scale)


# no value


@pytest.mark.parametrize(
    ("text", "point", "value"),
    [
        ("log(x)", (-1, 0), np.nan),
        ("log(x)", (0, 0), -np.inf),
        ("sqrt(x)", (-1, 0), np.nan),
        ("1/x + y", (0, 0), np.inf),
        ("x/y", (0, 0), np.nan),
        ("x^-2", (0, 0), np.inf),
        ("x^y", (-2, 2), np.nan),
        ("x^0.5", (-1, 0), np.nan),
        ("asin(x) + acos(y)", (2, 0), np.nan),
        ("exp(x)", (1000, 0), np.inf),
        ("cosh(x) - cosh(y)", (1000, 1000), np.nan),
        ("max(x, log(y))", (0, -1), np.nan),
        ("x^64", (1e10, 0), np.inf),
    ],
)  # fmt: skip
def test_where_there_is_no_value_nothing_is_raised(text: str, point: Any, value: float) -> None:
    expression = gd.Expression(text)
    assert float(expression(*point)) == pytest.approx(value, nan_ok=True)
    assert np.isnan(expression.gradient(point)).all()


# refusals


def refused(text: Any) -> gd.ExpressionError:
    return refusal(lambda: gd.Surface.from_expression(text))


@pytest.mark.parametrize(
    "text", [*FORMULAS.values(), *WITHOUT_A_VARIABLE.values()], ids=[*FORMULAS, *WITHOUT_A_VARIABLE]
)
def test_a_hostile_formula_is_refused_at_once_with_a_sentence(text: str) -> None:
    error = refused(text)
    sentence, (start, end) = str(error), error.position
    assert sentence.endswith(".")
    assert 10 < len(sentence) < 250
    assert sentence.isprintable()
    assert 0 <= start <= end <= len(text)
    assert isinstance(error, ValueError)
    line, carets = error.marked.rsplit("\n", 1)
    assert carets.strip(" ^") == ""
    assert len(carets) <= len(line) + 1


def test_there_are_many_hostile_formulas() -> None:
    assert len(set(FORMULAS.values())) == len(FORMULAS) >= 60


@pytest.mark.parametrize("value", NOT_A_TEXT, ids=repr)
def test_what_is_not_a_text_is_refused(value: Any) -> None:
    assert "is a text" in str(refused(value))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("x + foo(y)", "foo", "'foo' is not a function here"),
        ("x + z", "z", "'z' is not known here; the names are x, y, pi, e."),
        ("y*X", "X", "write 'x'"),
        ("2x", "2x", "missing between '2' and 'x'"),
        ("x + 9^9^9", "9^9", "between -64 and 64"),
        ("1 + (x", "(", "never closed"),
        ("x)", ")", "closes nothing"),
        ("x*sin(1, y)", "sin(1, y)", "takes one number, got 2"),
        ("x + max(y)", "max(y)", "takes two numbers, got 1"),
        ("x*log(2 - 2)", "log(2 - 2)", "has no value"),
        ("exp(99)^9*x", "exp(99)^9", "larger than"),
        ("x +", "+", "ends after '+'"),
        ("x + × y", "×", "write *"),
        ("x + х", "х", "cyrillic small letter ha"),
        ("sin x", "sin", "sin needs brackets"),
        ("pi(x)", "pi(", "missing between 'pi' and '('"),
        ("x/(1 - 1)", "(1 - 1)", "division by zero"),
        ("x = 3", "=", "equals sign"),
        ("3*2", "3*2", "needs x or y"),
    ],
)  # fmt: skip
def test_a_refusal_points_at_the_place(text: str, place: str, words: str) -> None:
    error = refused(text)
    start, end = error.position
    assert (text[start:end], words in str(error)) == (place, True), str(error)


def test_an_error_keeps_its_place_through_a_copy() -> None:
    error = refused("x + z")
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.position, copied.marked) == (str(error), (4, 5), "x + z\n    ^")


@given(st.text(alphabet="xy()+-*/^., 019eE_pisnlogmax=<'\"\n\0é", max_size=60))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    found = attempt(lambda: gd.Expression(text))
    if isinstance(found, gd.ExpressionError):
        assert str(found).endswith(".")
        assert 0 <= found.position[0] <= found.position[1] <= len(text)
    else:
        assert np.shape(found(0.5, 0.5)) == ()


@given(st.text(max_size=400))
def test_no_text_gets_anything_but_a_refusal_out_of_the_parser(text: str) -> None:
    found = attempt(lambda: parse(text))
    assert not isinstance(found, gd.ExpressionError) or str(found).isprintable()
