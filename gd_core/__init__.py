"""Gradient descent on regression data and surfaces: exact, fast, and open to look into.

Every descent is one loop over four parts, problem.gradient x sampling x rule x schedule -> Run:

    import gd_core as gd

    problem = gd.Regression(gd.load("diabetes"))
    run = gd.descend(problem, gd.Variant(sampling=gd.MiniBatch(32)), gd.Budget(epochs=20))
    run.loss[-1], problem.optimum.value, problem.coefficients(run.final)

Names are loaded when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_HOMES = {
    "basins": ("BasinCount", "basin_demo", "count_basins"),
    "checks": ("setting",),
    "comparison": ("Comparison", "compare"),
    "curvature": ("Curvature", "curvature"),
    "datasets": ("BUNDLED", "GENERATORS", "Dataset", "generate", "load"),
    "descent": ("Budget", "Outcome", "Run", "Variant", "descend"),
    "estimator": ("GradientDescentRegressor",),
    "experiment": ("Bundled", "Experiment", "Generated", "Model", "OnSurface", "Uploaded"),
    "export": ("script", "trace_csv"),
    "expressions": ("Expression", "ExpressionError"),
    "landscape": ("Plane", "PlanePath", "plane"),
    "losses": ("LOSSES",),
    "models": ("MODELS",),
    "prediction": ("Prediction", "predict"),
    "problem": ("Optimum",),
    "pseudocode": ("Pseudocode", "pseudocode"),
    "regression": ("SCALINGS", "Regression"),
    "replay": ("Replay", "replay"),
    "rules": (
        "RULES", "SGD", "AMSGrad", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "NAdam", "RAdam",
        "RMSprop", "Rprop", "Rule",
    ),
    "sampling": ("Batch", "MiniBatch", "Stochastic"),
    "schedules": (
        "SCHEDULES", "Constant", "Cosine", "ExactLineSearch", "ExponentialDecay", "InverseScaling", "LineSearch",
        "StepDecay", "WarmupCosine",
    ),
    "surfaces": ("SURFACES", "Surface"),
    "sweep": ("Sweep", "sweep"),
    "tables": ("TableError", "read_table", "to_dataset", "usable_columns"),
    "theory": ("GradientVariance", "NoiseFloor", "gradient_variance", "noise_floor", "predicted_loss"),
    "textbook": ("gradient_descent",),
    "tuning": ("Tuned", "tune"),
    "typed_rules": ("TypedRule",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "figures"])


def __getattr__(name: str) -> Any:
    if name == "figures":
        return import_module("gd_core.figures")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gd_core' has no attribute {name!r}")
    value = getattr(import_module(f"gd_core.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """The package, in which a public function stays visible where its file has the same name, as with `curvature`."""

    def __setattr__(self, name: str, value: Any) -> None:
        hidden = isinstance(value, ModuleType) and name in _HOME_OF
        super().__setattr__(name, getattr(value, name) if hidden else value)


sys.modules[__name__].__class__ = _Package
