"""What a script about a surface has in the place of data and a model: the formula, its gradient, and the noise."""

from __future__ import annotations

from gd_core.export.formulas import code, derivative
from gd_core.export.pieces import Plan, listed, quoted
from gd_core.expressions.parsing import Node
from gd_core.surfaces import NOISE_ROWS, Surface

_NAMES = {"x": "x", "y": "y"}


def value_lines(surface: Surface, library: str) -> str:
    """Code of value(theta)."""
    text = code(surface.function.tree, library, _NAMES)
    return "\n".join(
        ["def value(theta):", f"    # {quoted(surface.expression)}", "    x, y = theta", f"    return {text}"]
    )


def gradient_lines(surface: Surface) -> str:
    """Code of gradient(theta, rows), in NumPy."""
    slopes = [code(derivative(surface.function.tree, name), "np", _NAMES) for name in ("x", "y")]
    result = "exact if rows is None else exact + noise[rows].mean(axis=0)" if surface.noise else "exact"
    lines = [
        "def gradient(theta, rows):",
        f'    """The exact gradient{", with the mean noise of the rows that are read" if surface.noise else ""}."""',
        "    x, y = theta",
        f"    slope_x = {slopes[0]}",
        f"    slope_y = {slopes[1]}",
        "    exact = np.array([slope_x, slope_y], dtype=float)",
    ]
    if _has_edge(surface.function.tree):
        lines.insert(0, 'np.seterr(invalid="ignore", divide="ignore", over="ignore")  # the formula has an edge\n\n')
    return "\n".join([*lines, f"    return {result}"])


def _has_edge(node: Node) -> bool:
    """Whether a formula has no value somewhere, or none that fits a number."""
    if node.constant is not None:
        return False
    edges = {"log", "ln", "log2", "log10", "sqrt", "asin", "acos", "exp", "sinh", "cosh"}
    power = node.operation == "^" and not (node.parts[1].constant or 0.5).is_integer()
    return node.operation in edges or power or any(map(_has_edge, node.parts))


def noise_lines(surface: Surface) -> str:
    """Code of the table of noise, the same on every machine that draws it."""
    if not surface.noise:
        return ""
    return "\n".join(
        [
            f"# {NOISE_ROWS:,} rows of noise for the gradient; an update adds the mean of those that it reads",
            f"noise = np.random.default_rng([{surface.noise_seed}, 2]).standard_normal(({NOISE_ROWS}, 2))",
            f"noise = (noise - noise.mean(axis=0)) * {surface.noise!r}",
        ]
    )


def start_of(plan: Plan, index: int) -> str:
    """An expression for a variant's first point; where several seeds are run it may use `seed`."""
    variant, surface = plan.variants[index], plan.surface
    if variant.start == "random" and plan.experiment.seeds > 1:
        seeds = range(variant.seed, variant.seed + plan.experiment.seeds)
        drawn = ", ".join(f"{seed}: {listed(surface.random_start(seed).tolist())}" for seed in seeds)
        return f"np.array({{{drawn}}}[seed])"
    return f"np.array({listed(variant.start_on(surface).tolist())})"


def torch_model_lines(surface: Surface) -> str:
    """Code of the two parameters as a tensor, and of what the loop needs of them, in PyTorch."""
    return "\n".join(
        [
            "def model_at(theta):",
            '    """The point as a tensor that gradients are taken by."""',
            "    return nn.ParameterList([nn.Parameter(torch.tensor(theta))])",
            "",
            "",
            "def theta_of(model):",
            '    """The point as an array."""',
            "    return model[0].detach().numpy().copy()",
            "",
            "",
            "def objective(model):",
            '    """The height of the surface."""',
            "    return value(model[0])",
        ]
    )
