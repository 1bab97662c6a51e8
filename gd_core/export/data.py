"""The part of a script that comes first in every language: the data, the same to the last bit, ready to descend on."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from gd_core.checks import require
from gd_core.datasets import generators
from gd_core.experiment import Bundled, Generated, Uploaded
from gd_core.export import surface_scripts
from gd_core.export.pieces import Plan, block, listed, public_name, quoted, source_of
from gd_core.regression import Regression

# numbers that are written out; more than that, and a script holds the recipe instead
MOST_NUMBERS = 200

_MEASUREMENT = """
from sklearn.datasets import {load}

data = {load}()
columns, target = data.data[:, :{width}], {target}
X, y = np.delete(columns, target, axis=1), columns[:, target]
"""
BUNDLED_LINES = {
    "diabetes": """
from sklearn.datasets import load_diabetes

X, y = load_diabetes(return_X_y=True, scaled=False)
""",
    "linnerud": """
from sklearn.datasets import load_linnerud

X, y = load_linnerud(return_X_y=True)
y = y[:, 0]  # weight
""",
    "iris": _MEASUREMENT.format(load="load_iris", width=4, target='data.feature_names.index("petal width (cm)")'),
    "wine": _MEASUREMENT.format(load="load_wine", width=13, target='data.feature_names.index("color_intensity")'),
    "breast_cancer": _MEASUREMENT.format(
        load="load_breast_cancer", width=10, target='list(data.feature_names).index("mean area")'
    ),
}


def data_lines(plan: Plan) -> str:
    """Code that makes X (n_samples, n_features) and y (n_samples,), in the data's own units."""
    data = plan.experiment.data
    if isinstance(data, Bundled):
        require(data.name in BUNDLED_LINES, "no script knows how to load {!r}", data.name)
        return block(BUNDLED_LINES[data.name])
    if isinstance(data, Uploaded):
        return _from_file(plan, data)
    assert isinstance(data, Generated)
    if plan.dataset.X.size + plan.dataset.y.size <= MOST_NUMBERS:
        return _written_out(plan)
    return _recipe(data)


def _written_out(plan: Plan) -> str:
    rows = "".join(f"    {row.tolist()!r},\n" for row in plan.dataset.X)
    return f"X = np.array([\n{rows}])\ny = np.array({listed(plan.dataset.y.tolist())})"


def _recipe(data: Generated) -> str:
    chosen = generators.GENERATORS[data.kind]
    n_features = chosen.minimum_features if data.n_features == 1 else data.n_features
    draw = public_name(chosen.draw)
    lines = [
        source_of(chosen.draw),
        "\n",
        f"for_features, for_noise, for_outliers = np.random.default_rng({data.seed}).spawn(3)",
        f"columns, y, spread = {draw}(for_features, {data.n_samples}, {n_features}, {data.condition_number!r})",
        f"y = y + {data.noise!r} * spread * for_noise.standard_normal({data.n_samples})",
        "X = columns.T",
    ]
    if data.outliers > 0:
        outliers = generators._with_outliers
        lines.insert(1, "\n\n" + source_of(outliers))
        lines.insert(-1, f"y = {public_name(outliers)}(y, for_outliers, {data.outliers!r})")
    return "\n".join(lines)


def _from_file(plan: Plan, data: Uploaded) -> str:
    # a name such as ../../x.csv arrives as it was typed; the script reads beside itself
    filename = PurePosixPath(data.filename.replace("\\", "/")).name or "data.csv"
    readers = {".xlsx": "read_excel({})", ".xlsm": "read_excel({})", ".json": "read_json({})"}
    readers |= {".parquet": "read_parquet({})", ".pq": "read_parquet({})"}
    reader = readers.get(PurePosixPath(filename).suffix.lower(), 'read_csv({}, sep=None, engine="python")')
    dataset = plan.dataset
    features = _columns_of(data, dataset.feature_names)
    lines = [
        "import pandas as pd",
        "",
        f"frame = pd.{reader.format(quoted(filename))}",
        "frame.columns = frame.columns.astype(str).str.strip()",
        f"target, features = {quoted(data.target)}, {listed(features)}",
        f"frame = frame.dropna(subset={'[target, *features]' if data.missing == 'drop' else '[target]'})",
        "columns = []",
        "for name in features:",
        "    column = frame[name]",
        "    if pd.api.types.is_numeric_dtype(column):",
        f"        columns.append({_filled(data.missing)}.to_numpy(dtype=float))",
        *_category_lines(data),
        "X, y = np.column_stack(columns), frame[target].to_numpy(dtype=float)",
        "# another table, or one that writes its numbers as text, would give other results",
        f"assert X.shape == {dataset.X.shape!r}",
        f"assert np.allclose([X.mean(), y.mean()], [{float(dataset.X.mean())!r}, {float(dataset.y.mean())!r}])",
    ]
    return "\n".join(lines)


def _columns_of(data: Uploaded, names: tuple[str, ...]) -> list[str]:
    """The table's columns behind a data set's features: town=Berlin and town=Bonn are both of the column town."""
    if data.categories != "one-hot":
        return list(names)
    if data.features is not None:
        return list(data.features)
    return list(dict.fromkeys(name.partition("=")[0] for name in names))


def _filled(missing: str) -> str:
    value = {"mean": "column.mean()", "median": "column.median()", "most_frequent": "column.mode()[0]"}.get(missing)
    return f"column.fillna({value})" if value else "column"


def _category_lines(data: Uploaded) -> list[str]:
    if data.categories == "drop":
        return []
    filled = "column.astype(str)" if data.missing == "drop" else "column.fillna(column.mode()[0]).astype(str)"
    lines = ["    else:", f"        column = {filled}.str.strip()", "        levels = sorted(column.unique())"]
    if data.categories == "ordinal":
        return [*lines, "        columns.append(column.map(levels.index).to_numpy(dtype=float))"]
    return [*lines, "        columns += [(column == level).to_numpy(dtype=float) for level in levels[1:]]"]


# from X and y to what multiplies theta


def preparation_lines(plan: Plan) -> str:
    """Code that splits, expands and scales X into Z, in NumPy, the target with it."""
    problem = plan.problem
    lines = [*split_lines(problem)]
    if problem.degree > 1:
        lines += [
            "# every product of up to " + str(problem.degree) + " features",
            "powers = [",
            "    list(chosen)",
            f"    for degree in range(1, {problem.degree + 1})",
            "    for chosen in itertools.combinations_with_replacement(range(X.shape[1]), degree)",
            "]",
            "X = np.column_stack([X[:, chosen].prod(axis=1) for chosen in powers])",
        ]
    lines += _scaling_lines(problem)
    if problem.predictor.linear:
        if problem.intercept:
            lines.append("Z = np.column_stack([np.ones(len(Z)), Z])  # the intercept's column")
    else:
        lines.append("y = y - y.mean()  # the model is about the deviation from the mean")
    return "\n".join(lines)


def split_lines(problem: Regression) -> list[str]:
    """Code that keeps the training rows."""
    if not problem.validation:
        return []
    return [
        f"# {problem.validation:g} of the rows are set aside, and the descent never sees them",
        f"order = np.random.default_rng({problem.seed}).permutation(len(y))",
        f"training = np.sort(order[{len(problem.validation_rows)}:])",
        "X, y = X[training], y[training]",
    ]


def _scaling_lines(problem: Regression) -> list[str]:
    shift, scale = {
        "none": ("", ""),
        "standard": ("X.mean(axis=0)", "X.std(axis=0)"),
        "minmax": ("X.min(axis=0)", "np.ptp(X, axis=0)"),
        "robust": ("np.median(X, axis=0)", "np.subtract(*np.percentile(X, [75, 25], axis=0))"),
    }[problem.scaling]
    if not scale:
        return ["Z = X"]
    lines = [f"scale = {scale}"]
    fixed = np.flatnonzero(problem._scaler[1] == 1.0).tolist()
    columns = problem._expand(problem.dataset.X[problem.training_rows])
    flat = [j for j in fixed if _spread(columns[:, j], problem.scaling) < 1e-12]
    if flat:
        lines.append(f"scale[{listed(flat)}] = 1.0  # without spread, these columns are not divided")
    moves = problem.intercept or not problem.predictor.linear
    lines.append(f"Z = (X - {shift}) / scale" if moves else "Z = X / scale")
    return lines


def _spread(column: np.ndarray, scaling: str) -> float:
    if scaling == "robust":
        high, low = np.percentile(column, [75, 25])
        return float(high - low)
    return float(np.ptp(column)) / max(1.0, float(np.abs(column).max()))


def start_lines(plan: Plan) -> str:
    """Code of a function that the starts of some variants are drawn with, or an empty text."""
    problem = plan.problem
    if problem.predictor.linear or all(isinstance(v.start, tuple) for v in plan.variants):
        return ""
    return source_of(problem.predictor.start) if problem.model == "mlp" else ""


def start_of(plan: Plan, index: int) -> str:
    """An expression for a variant's first theta; where several seeds are run it may use `seed`."""
    if plan.is_surface:
        return surface_scripts.start_of(plan, index)
    problem, variant = plan.problem, plan.variants[index]
    n = problem.n_params
    seed = "seed" if plan.experiment.seeds > 1 else str(variant.seed)
    if isinstance(variant.start, tuple):
        variant.start_on(problem)
        return f"np.array({listed(variant.start)})"
    drawn = f"np.random.default_rng([{seed}, 1])"
    if problem.predictor.linear:
        if variant.start is None:
            return f"np.zeros({n})"
        size = 1.0 if problem.quadratic is None else max(1.0, float(np.abs(problem.quadratic.optimum.theta).max()))
        return f"{size!r} * {drawn}.standard_normal({n})"
    if problem.model == "mlp":
        return f"{public_name(problem.predictor.start)}({n}, {problem.hidden}, {drawn})"
    return f"{drawn}.standard_normal({n})"


def batches_lines(plan: Plan) -> str:
    """Code of the generator of row indices, as simple as the experiment's samplings allow; empty if all are batch."""
    samplings = [variant.sampling for variant in plan.variants if not variant.sampling.full]
    if not samplings:
        return ""
    if plan.is_surface and not plan.surface.noise:
        return ""
    orders = {_order(sampling) for sampling in samplings}
    drops = {getattr(sampling, "drop_last", False) for sampling in samplings}
    known = {
        "shuffled": ("rng.permutation(m)", "every epoch a new order"),
        "replaced": ("rng.integers(m, size=m)", "each drawn from all rows"),
        "as they are": ("np.arange(m)", "in the table's order"),
    }
    arguments = "size, seed" + (", order" if len(orders) > 1 else "") + (", drop_last" if len(drops) > 1 else "")
    told = known[next(iter(orders))][1] if len(orders) == 1 else "in the order asked for"
    lines = [
        f"def batches({arguments}):",
        f'    """The rows of one update after another, {told}, `size` at a time."""',
        f"    m = len({'noise' if plan.is_surface else 'y'})",
    ]
    if orders != {"as they are"}:
        lines.append("    rng = np.random.default_rng(seed)")
    lines.append("    while True:")
    if len(orders) == 1:
        lines.append(f"        rows = {known[next(iter(orders))][0]}")
    else:
        for position, name in enumerate(sorted(orders)):
            test = "if" if position == 0 else "elif"
            lines += [f"        {test} order == {quoted(name)}:", f"            rows = {known[name][0]}"]
    stop = {frozenset({True}): "m - size + 1", frozenset({False}): "m"}.get(
        frozenset(drops), "m - size + 1 if drop_last else m"
    )
    lines += [f"        for first in range(0, {stop}, size):", "            yield rows[first : first + size]"]
    return "\n".join(lines)


def _order(sampling: object) -> str:
    if getattr(sampling, "replacement", False):
        return "replaced"
    return "shuffled" if getattr(sampling, "shuffle", True) else "as they are"


def batches_of(plan: Plan, index: int) -> str:
    """An expression for a variant's batches."""
    variant = plan.variants[index]
    if plan.is_surface and (variant.sampling.full or not plan.surface.noise):
        return "itertools.repeat(None)"
    if variant.sampling.full:
        return "itertools.repeat(slice(None))"
    samplings = [v.sampling for v in plan.variants if not v.sampling.full]
    seed = "seed" if plan.experiment.seeds > 1 else str(variant.seed)
    arguments = [f"size={variant.sampling.rows_per_update(plan.on.n_samples)}", f"seed={seed}"]
    if len({_order(sampling) for sampling in samplings}) > 1:
        arguments.append(f"order={quoted(_order(variant.sampling))}")
    if len({getattr(sampling, "drop_last", False) for sampling in samplings}) > 1:
        arguments.append(f"drop_last={getattr(variant.sampling, 'drop_last', False)}")
    return f"batches({', '.join(arguments)})"
