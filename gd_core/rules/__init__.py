r"""Update rules: what is done with a gradient.

A rule is one small step function and one frozen dataclass of its hyperparameters. The step changes ``theta`` and
``state`` in place:

    step(theta, gradient, state, hyper, update, rate)

``theta`` and ``gradient`` are (n_params,); ``state`` is (slots, n_params) and zero before the first update; ``hyper``
holds the dataclass's fields in order, as floats (a pair takes two places); ``update`` counts from 1; ``rate`` is the
schedule's learning rate. Naming the step in the class line registers the rule, and it appears in every menu, table and
export:

    def heavy_ball(theta, gradient, state, hyper, update, rate): ...

    @dataclass(frozen=True, kw_only=True)
    class HeavyBall(Rule, step=heavy_ball, slot_names=("velocity",)):
        beta: float = setting(0.9, least=0, below=1)

Hyperparameters are named, defaulted and meant as in ``torch.optim`` where it has the rule. The learning rate is not one
of them: it belongs to the schedule. The step is compiled by Numba, so it uses only arithmetic, loops and ``math``.
"""

# isort: off
# the rules register as they are imported, and menus list them in this order: plain first, then as they were invented
from gd_core.rules.base import RULES, Rule, Step
from gd_core.rules.sgd import SGD
from gd_core.rules.squares import Adadelta, Adagrad, RMSprop
from gd_core.rules.moments import AMSGrad, Adam, AdamW, Adamax, NAdam, RAdam
from gd_core.rules.signs import Lion, Rprop
# isort: on

__all__ = [
    "RULES",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "Rule",
    "Step",
]
