"""Why a run ended as it did, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gd_core.descent import Run


def explain(run: Run) -> str:
    """One sentence on how a run ended, and why."""
    if run.diverged_at is not None:
        return f"Diverged at update {run.diverged_at:,}."
    return f"{run.outcome.value} after {run.updates[-1]:,} updates."
