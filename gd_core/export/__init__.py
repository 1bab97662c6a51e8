"""What a person takes away: the experiment as a program in three languages, and its trace as a table.

    print(script(Experiment(Bundled("diabetes")), "numpy"))
    trace_csv(experiment.run())

A program stands alone: it makes or reads the same data, prepares them in the same way, reads the same rows in the same
order, and prints the final parameters of each variant, which are the engine's but for rounding.
"""

from __future__ import annotations

from gd_core.checks import require
from gd_core.datasets import Dataset
from gd_core.experiment import Experiment
from gd_core.export.numpy_script import numpy_script
from gd_core.export.pieces import plan
from gd_core.export.pytorch_script import pytorch_script
from gd_core.export.scikit_learn_script import scikit_learn_script
from gd_core.export.trace import trace_csv

LANGUAGES = {"numpy": numpy_script, "pytorch": pytorch_script, "scikit-learn": scikit_learn_script}

__all__ = ["LANGUAGES", "script", "trace_csv"]


def script(experiment: Experiment, language: str, dataset: Dataset | None = None) -> str:
    """A program in "numpy", "pytorch" or "scikit-learn" that runs an experiment and prints each final theta.

    ``dataset``: needed where the experiment is on an uploaded file; the program then reads that file by its name.
    Raises ValueError for another language, for a descent on a surface, and for a part that has no source to show.
    """
    require(language in LANGUAGES, "language must be one of {}, got {!r}", ", ".join(LANGUAGES), language)
    return LANGUAGES[language](plan(experiment, dataset))
