"""The live figures of the Learn page, one file an idea: a control, what the engine computes for it, and what it shows.

Each is a fragment: moving its control reruns it alone. What it computes is kept for everyone on the server.
"""

from pages.shared.lessons.batch_sizes import batch_sizes
from pages.shared.lessons.costs import costs
from pages.shared.lessons.gradient import gradient
from pages.shared.lessons.lesson import Places
from pages.shared.lessons.noise import noise
from pages.shared.lessons.rates import price, rates
from pages.shared.lessons.settling import settling
from pages.shared.lessons.stopping import stopping
from pages.shared.lessons.three_types import three_types
from pages.shared.lessons.valleys import valleys
from pages.shared.lessons.walk import walk

LESSONS = (walk, gradient, rates, price, stopping, three_types, noise, costs, valleys, batch_sizes, settling)

__all__ = [
    "LESSONS",
    "Places",
    "batch_sizes",
    "costs",
    "gradient",
    "noise",
    "price",
    "rates",
    "settling",
    "stopping",
    "three_types",
    "valleys",
    "walk",
]
