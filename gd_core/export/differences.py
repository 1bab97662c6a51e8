"""Which lines of a program belong to some of an experiment's variants only.

A line of the shared part (helpers, the loop) belongs to the variants whose program alone would have it too; a line in a
variant's own part belongs to it unless every other variant has the same line there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from gd_core.checks import require
from gd_core.datasets import Dataset
from gd_core.experiment import Experiment
from gd_core.export import LANGUAGES
from gd_core.export.pieces import Plan, plan

_TITLE = re.compile(r"# Variant \d+: ")


@dataclass(frozen=True, kw_only=True)
class MarkedScript:
    """A program, and for each of its lines the variants it is there for; none where it is there for all."""

    text: str
    lines: tuple[frozenset[int], ...]

    def lines_of(self, variant: int) -> tuple[int, ...]:
        """The numbers, from 1, of the lines that are there for a variant and not for all."""
        return tuple(i for i, owners in enumerate(self.lines, start=1) if variant in owners)


def marked_script(experiment: Experiment, language: str, dataset: Dataset | None = None) -> MarkedScript:
    """The experiment's program in a language, its lines marked. Raises ValueError as `script` does."""
    require(language in LANGUAGES, "language must be one of {}, got {!r}", ", ".join(LANGUAGES), language)
    whole = plan(experiment, dataset)
    text = LANGUAGES[language](whole)
    shared, blocks = _parts(text)
    require(len(blocks) == len(whole.variants), "a program has one part for each variant")
    lines = text.splitlines()
    owners = [frozenset[int]() for _ in lines]
    if len(blocks) > 1:
        _mark_shared(owners, lines, shared, [_alone(whole, language, i) for i in range(len(blocks))])
        _mark_blocks(owners, lines, blocks)
    return MarkedScript(text=text, lines=tuple(owners))


def _alone(whole: Plan, language: str, index: int) -> list[str]:
    """The shared lines of the program that has one of the variants only."""
    experiment = replace(whole.experiment, variants=(whole.variants[index],))
    text = LANGUAGES[language](replace(whole, experiment=experiment, labels=(whole.labels[index],)))
    lines = text.splitlines()
    return [lines[i] for i in _parts(text)[0]]


def _parts(text: str) -> tuple[list[int], list[list[int]]]:
    """The places of the lines that the variants share, and of each variant's own: to the next two empty lines."""
    shared: list[int] = []
    blocks: list[list[int]] = []
    own = False
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if _TITLE.match(line):
            own = True
            blocks.append([])
        elif own and not line and lines[i + 1 : i + 2] == [""]:
            own = False
        (blocks[-1] if own else shared).append(i)
    return shared, blocks


def _mark_shared(
    owners: list[frozenset[int]], lines: Sequence[str], shared: Sequence[int], alone: Sequence[Sequence[str]]
) -> None:
    found = [set[int]() for _ in shared]
    here = [lines[i] for i in shared]
    for variant, there in enumerate(alone):
        for start, _, size in SequenceMatcher(a=here, b=there, autojunk=False).get_matching_blocks():
            for k in range(start, start + size):
                found[k].add(variant)
    for i, having in zip(shared, found, strict=True):
        # a line that no program alone has, such as the header's count, is about all of them
        if lines[i] and len(having) < len(alone):
            owners[i] = frozenset(having)


def _mark_blocks(owners: list[frozenset[int]], lines: Sequence[str], blocks: Sequence[Sequence[int]]) -> None:
    counts = [Counter(lines[i] for i in block) for block in blocks]
    everywhere = counts[0]
    for count in counts[1:]:
        everywhere = everywhere & count
    for variant, block in enumerate(blocks):
        left = Counter(everywhere)
        for i in block:
            if left[lines[i]] > 0:
                left[lines[i]] -= 1
            elif lines[i]:
                owners[i] = frozenset([variant])
