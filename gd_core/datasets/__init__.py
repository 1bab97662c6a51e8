"""Regression data: the `Dataset`, generators whose truth is known, and real data that ships with scikit-learn.

Dataset([[1, 2], [2, 3], [3, 4]], [2, 4, 6])
generate("friedman", n_samples=1000, noise=1.0)
load("diabetes")
"""

from gd_core.datasets.bundled import BUNDLED, load
from gd_core.datasets.dataset import Dataset
from gd_core.datasets.generators import GENERATORS, Generator, generate, generator

__all__ = ["BUNDLED", "GENERATORS", "Dataset", "Generator", "generate", "generator", "load"]
