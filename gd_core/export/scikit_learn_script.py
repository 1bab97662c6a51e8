"""The experiment as a scikit-learn program: `SGDRegressor` where it can express a variant, and why not elsewhere."""

from __future__ import annotations

import dataclasses

from gd_core.checks import require
from gd_core.descent import Variant
from gd_core.export.data import batches_lines, batches_of, data_lines, split_lines
from gd_core.export.numpy_script import called, report_lines
from gd_core.export.pieces import Plan, assembled, block, number, quoted
from gd_core.regression import Regression
from gd_core.rules import SGD
from gd_core.schedules import Constant, InverseScaling

# what SGDRegressor calls our losses, and how often its gradient goes into ours
LOSSES = {
    "half_squared_error": ('"squared_error"', 1.0),
    "squared_error": ('"squared_error"', 2.0),
    "huber": ('"huber", epsilon={delta}', 1.0),
    "absolute_error": ('"epsilon_insensitive", epsilon=0.0', 1.0),
}


def obstacle(plan: Plan, variant: Variant) -> str:
    """Why `SGDRegressor` cannot make a variant's descent, or an empty text if it can."""
    problem, budget, schedule = plan.problem, plan.experiment.budget, variant.schedule
    if not problem.predictor.linear:
        return f"SGDRegressor fits linear models, and this one is {problem.predictor.title}."
    if problem.loss not in LOSSES:
        return f"SGDRegressor does not have the {problem.loss_title} loss."
    if variant.sampling.rows_per_update(problem.n_samples) > 1:
        return "SGDRegressor updates after every row: scikit-learn has no batch or mini-batch descent for regression."
    if not (isinstance(variant.rule, SGD) and variant.rule.plain):
        return f"SGDRegressor has the plain rule alone, not {variant.rule.name}."
    falls = isinstance(schedule, InverseScaling) and (schedule.per == "update" or plan.per_epoch(variant) == 1)
    if not (isinstance(schedule, Constant) or falls):
        return "SGDRegressor has constant and inverse-scaling rates alone, counted in updates."
    if variant.start is not None:
        return "SGDRegressor.partial_fit starts from zeros."
    if budget.gradient_tolerance > 0 or budget.loss_tolerance > 0:
        return "SGDRegressor stops by a rule of its own, not at this budget's tolerance."
    times = LOSSES[problem.loss][1]
    rate = float(getattr(schedule, "learning_rate", 0.0))
    if rate * problem.l2 > times:
        return "SGDRegressor never lets the penalty turn a parameter's sign, and at this rate it would."
    return ""


def scikit_learn_script(plan: Plan) -> str:
    """The program: the variants that scikit-learn can express, and the exact solution beside the others."""
    require(not plan.is_surface, "scikit-learn fits models to data, and a descent on a surface has none")
    problem = plan.problem
    reasons = [obstacle(plan, variant) for variant in plan.variants]
    header = f"# Gradient descent in scikit-learn: SGDRegressor, an epoch at a time.\n# {plan.title}"
    expressed = not all(reasons)
    blocks = [
        "# The data\n\n" + data_lines(plan),
        "\n".join([*split_lines(problem), *_pipeline(problem), f"names = {_names(plan)}"]),
        batches_lines(_only(plan, reasons)) if expressed else "",
        _loop(plan) if expressed else "",
        report_lines(may_be_none=expressed),
        *(_variant(plan, i, reason) for i, reason in enumerate(reasons)),
        _exact(problem) if any(reasons) else "",
    ]
    return assembled(header, blocks, ["import numpy as np"])


def _names(plan: Plan) -> str:
    """The parameters' names; for a model that is not linear, those of the straight line that stands beside it."""
    if plan.problem.predictor.linear:
        return plan.names()
    return '["intercept", *(f"x{j}" for j in range(1, Z.shape[1] + 1))]'


def _only(plan: Plan, reasons: list[str]) -> Plan:
    """The plan with the variants that can be expressed: those whose rows the script reads."""
    kept = tuple(variant for variant, reason in zip(plan.variants, reasons, strict=True) if not reason)
    return dataclasses.replace(plan, experiment=dataclasses.replace(plan.experiment, variants=kept))


def _pipeline(problem: Regression) -> list[str]:
    moves = problem.intercept or not problem.predictor.linear
    lines, steps = [], []
    if problem.degree > 1:
        lines.append("from sklearn.preprocessing import PolynomialFeatures")
        steps.append(f"PolynomialFeatures({problem.degree}, include_bias=False)")
    scaler = {"standard": "StandardScaler", "minmax": "MinMaxScaler", "robust": "RobustScaler"}.get(problem.scaling)
    halves = scaler == "MinMaxScaler" and not moves
    if scaler and not halves:
        lines.append(f"from sklearn.preprocessing import {scaler}")
        kept = {"StandardScaler": "with_mean=False", "RobustScaler": "with_centering=False"}.get(scaler, "")
        steps.append(f"{scaler}({'' if moves else kept})")
    if len(steps) == 2:
        lines.append("from sklearn.pipeline import make_pipeline")
    if steps:
        made = steps[0] if len(steps) == 1 else f"make_pipeline({', '.join(steps)})"
        lines.append(f"Z = {made}.fit_transform(X)")
    else:
        lines.append("Z = X")
    if halves:
        lines.append("from sklearn.preprocessing import MinMaxScaler")
        lines.append("Z = Z * MinMaxScaler().fit(Z).scale_  # divided by the range, and not moved")
    return lines


def _loop(plan: Plan) -> str:
    result = "np.r_[model.intercept_, model.coef_]" if plan.problem.intercept else "model.coef_"
    return block(f'''
        def fitted(model, batches, updates):
            """Update with one row after another, in the order of the batches; returns the parameters."""
            theta = np.zeros(len(names))
            rows = np.fromiter((row for row, in itertools.islice(batches, updates)), dtype=int, count=updates)
            for first in range(0, updates, len(y)):
                part = rows[first : first + len(y)]
                try:
                    model.partial_fit(Z[part], y[part])
                except ValueError:  # the numbers have left the range of float64
                    return None
                theta = {result}
                if np.abs(theta).max() > {number(plan.experiment.budget.divergence)}:
                    return None
            return theta
    ''')


def _variant(plan: Plan, index: int, reason: str) -> str:
    variant, problem = plan.variants[index], plan.problem
    title = f"# Variant {index + 1}: {quoted(plan.labels[index])}"
    if reason:
        return f"{title}\n# Not in scikit-learn: {reason}"
    loss, times = LOSSES[problem.loss]
    schedule = variant.schedule
    rate = float(getattr(schedule, "learning_rate", 0.0))
    kind = '"constant"'
    if isinstance(schedule, InverseScaling):
        kind = f'"invscaling",\n    power_t={schedule.power!r}'
    alpha = f"alpha={problem.l2 / times!r}" if problem.l2 else "penalty=None"
    only = _only(plan, [obstacle(plan, v) for v in plan.variants])
    call = [
        "model = SGDRegressor(",
        f"    loss={loss.format(delta=repr(problem.huber_delta))},",
        f"    {alpha},",
        f"    fit_intercept={problem.intercept},",
        *f"    learning_rate={kind},".split("\n"),
        f"    eta0={rate * times!r}," + ("  # its gradient is half of ours" if times == 2.0 else ""),
        "    shuffle=False,  # the order of the rows is ours",
        ")",
        f"theta = fitted(model, {batches_of(only, only.variants.index(variant))}, updates={plan.total(variant)})",
    ]
    return "from sklearn.linear_model import SGDRegressor\n" + called(plan, index, call, "theta")


def _exact(problem: Regression) -> str:
    curvature = problem.loss_function.curvature
    theta = "np.r_[exact.intercept_, exact.coef_]" if problem.intercept else "exact.coef_"
    if not problem.predictor.linear or curvature is None:
        return block(f"""
            from sklearn.linear_model import LinearRegression
            # For comparison, the plane of least squares, which has another {"model" if curvature else "loss"}
            exact = LinearRegression(fit_intercept={problem.intercept or not problem.predictor.linear}).fit(Z, y)
            report("least squares", {theta if problem.predictor.linear else "np.r_[exact.intercept_, exact.coef_]"})
        """)
    require(curvature > 0, "the loss must be convex")
    if problem.l2:
        # |r|^2 c / (2 m) + l2 |theta|^2 / 2 has the minimum of |r|^2 + (l2 m / c) |theta|^2
        made = f"Ridge(alpha={problem.l2 / curvature!r} * len(y), fit_intercept={problem.intercept})"
        name = "Ridge"
    else:
        made, name = f"LinearRegression(fit_intercept={problem.intercept})", "LinearRegression"
    return block(f"""
        from sklearn.linear_model import {name}
        # Where every variant is headed: the exact minimum
        exact = {made}.fit(Z, y)
        report("exact minimum", {theta})
    """)
