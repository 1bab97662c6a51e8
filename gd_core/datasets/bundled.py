"""Real data that ships with scikit-learn, none of which needs a network."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from gd_core.checks import require
from gd_core.datasets.dataset import Dataset

BUNDLED: Mapping[str, str] = {
    "diabetes": "442 patients: progression of diabetes after a year, from ten measurements in their own units "
    "(Efron, Hastie, Johnstone and Tibshirani, 2004)",
    "linnerud": "20 men of a fitness club: weight, from three exercises (Linnerud; Tenenhaus, 1998)",
    "iris": "150 iris flowers: petal width, from the three other lengths in centimetres (Fisher, 1936)",
    "wine": "178 wines of three growers: colour intensity, from twelve chemical measurements "
    "(Aeberhard and Forina, 1991)",
    "breast_cancer": "569 tumour images: mean area of the cell nuclei, from nine other measurements, badly scaled and "
    "strongly correlated (Wolberg, Street and Mangasarian, 1995)",
}

DIABETES_NAMES = (
    "age (years)",
    "sex (1 or 2)",
    "body mass index (kg/m2)",
    "blood pressure (mmHg)",
    "total cholesterol (mg/dl)",
    "LDL (mg/dl)",
    "HDL (mg/dl)",
    "total cholesterol / HDL",
    "log of triglycerides",
    "blood sugar (mg/dl)",
)


@functools.lru_cache(maxsize=len(BUNDLED))
def load(name: str) -> Dataset:
    """One of the real data sets in `BUNDLED`, in its original units, from the files that scikit-learn installs.

    Raises ValueError for a name that is not in `BUNDLED`.
    """
    require(name in BUNDLED, "name must be one of {}, got {!r}", ", ".join(BUNDLED), name)
    from sklearn import datasets

    if name == "diabetes":
        X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
        return Dataset(X, y, DIABETES_NAMES, "progression after a year", name)
    if name == "linnerud":
        X, y = datasets.load_linnerud(return_X_y=True)
        return Dataset(X, y[:, 0], ("chin-ups", "sit-ups", "jumps"), "weight", name)
    if name == "iris":
        return _measurement(datasets.load_iris(), slice(4), "petal width (cm)", name)
    if name == "wine":
        return _measurement(datasets.load_wine(), slice(13), "color_intensity", name)
    return _measurement(datasets.load_breast_cancer(), slice(10), "mean area", name)


def _measurement(bunch: Any, columns: slice, target: str, name: str) -> Dataset:
    """A data set made for classification, as the regression of one of its measurements on the others in `columns`."""
    names = [str(label) for label in bunch.feature_names[columns]]
    chosen = names.index(target)
    others = [j for j in range(len(names)) if j != chosen]
    readable = [label.replace("_", " ") for label in names]
    X = bunch.data[:, columns]
    return Dataset(X[:, others], X[:, chosen], tuple(readable[j] for j in others), readable[chosen], name)
