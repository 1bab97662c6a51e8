"""The one loop: problem.gradient x sampling x rule x schedule -> Run.

`loop.advance` does a stretch of updates and is compiled; it takes the gradient and the rule's step as first-class
compiled functions, so a new rule or model never touches it, and it releases the GIL. `drive.descend` feeds it row
orders an epoch or a few at a time, and rates from the schedule, and makes a `Run` of what was recorded.

Plain stochastic descent on a squared loss has a fused kernel beside the general loop, `loop.advance_plain`, because
there the indirect calls would cost more than the arithmetic. It gives the same numbers to the last bit.
"""

from gd_core.descent.drive import MOST_RECORDS, _Descent, descend, record_points
from gd_core.descent.loop import NO_SEARCH, advance, advance_plain
from gd_core.descent.run import Run
from gd_core.descent.settings import UNUSABLE, Budget, Outcome, Variant

__all__ = [
    "MOST_RECORDS",
    "NO_SEARCH",
    "UNUSABLE",
    "Budget",
    "Outcome",
    "Run",
    "Variant",
    "_Descent",
    "advance",
    "advance_plain",
    "descend",
    "record_points",
]
