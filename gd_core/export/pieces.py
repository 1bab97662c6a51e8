"""What the scripts in all three languages share: the experiment laid out, and code taken from the engine itself.

Text that a person wrote (labels, file and column names) enters a script through `repr` alone, in comments too, so that
it cannot become code.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gd_core.comparison import distinct_labels
from gd_core.datasets import Dataset
from gd_core.descent import Variant
from gd_core.experiment import Experiment
from gd_core.regression import Regression

if TYPE_CHECKING:
    from gd_core.surfaces import Surface

# what a line of a script holds, comments and names included, where it can be broken
WIDTH = 100
# names of parameters that a script spells out; beyond it they are numbered
MOST_NAMES = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """An experiment laid out on its data: what a script needs to know to write a variant down."""

    experiment: Experiment
    on: Regression | Surface
    labels: tuple[str, ...]

    @property
    def problem(self) -> Regression:
        """The regression; only where the experiment is on data."""
        assert isinstance(self.on, Regression)
        return self.on

    @property
    def surface(self) -> Surface:
        """The surface; only where the experiment is on one."""
        assert not isinstance(self.on, Regression)
        return self.on

    @property
    def is_surface(self) -> bool:
        return not isinstance(self.on, Regression)

    @property
    def title(self) -> str:
        """What the experiment is, in a line."""
        budget, many = self.experiment.budget, len(self.variants)
        return (
            f"{many} variant{'s' * (many > 1)}; the {'height' if self.is_surface else 'loss'} is "
            f"{'that of a surface' if self.is_surface else self.problem.loss_title}, "
            f"the budget {budget.amount:,} {budget.unit}."
        )

    @property
    def dataset(self) -> Dataset:
        return self.problem.dataset

    @property
    def variants(self) -> tuple[Variant, ...]:
        return self.experiment.variants

    def total(self, variant: Variant) -> int:
        """The updates that the budget allows."""
        return self.experiment.budget.updates_for(variant.sampling, self.on.n_samples)

    def per_epoch(self, variant: Variant) -> int:
        """The updates of one epoch."""
        return variant.sampling.updates_per_epoch(self.on.n_samples)

    @property
    def searches(self) -> set[str]:
        """The line searches among the schedules, by name."""
        names = {type(variant.schedule).__name__ for variant in self.variants}
        return names & {"LineSearch", "ExactLineSearch"}

    def names(self) -> str:
        """Python code for the parameters' names."""
        names = self.on.parameter_names
        if len(names) > MOST_NAMES:
            return f'[f"theta[{{j}}]" for j in range({len(names)})]'
        return listed(names)


def plan(experiment: Experiment, dataset: Dataset | None) -> Plan:
    """The experiment on its data or its surface. Raises ValueError for an uploaded file without its data set."""
    on: Any = experiment.problem(dataset)
    return Plan(experiment=experiment, on=on, labels=distinct_labels(experiment.variants))


def quoted(text: str) -> str:
    """Python code for a text, in double quotes where that needs no more escapes."""
    code = repr(text)
    return code if "'" in code[1:-1] or '"' in code else f'"{code[1:-1]}"'


def number(value: float) -> str:
    """Python code for a number, as short as it can be without another value."""
    short = f"{value:g}".replace("e+", "e")
    return short if float(short) == value else repr(value)


def _code(value: object) -> str:
    return quoted(value) if isinstance(value, str) else repr(value)


def listed(values: Sequence[object], indent: str = "") -> str:
    """Python code for a list, broken into lines where it is long."""
    flat = "[" + ", ".join(map(_code, values)) + "]"
    if len(flat) + len(indent) <= WIDTH - 12:
        return flat
    lines: list[str] = []
    for value in values:
        text = _code(value) + ","
        if lines and len(lines[-1]) + len(text) + 1 <= WIDTH - 4 - len(indent):
            lines[-1] += " " + text
        else:
            lines.append(text)
    return "[\n" + "".join(f"{indent}    {line}\n" for line in lines) + f"{indent}]"


def block(text: str) -> str:
    """A piece of code from an indented triple-quoted text."""
    return textwrap.dedent(text).strip("\n")


def source_of(function: Callable[..., Any], name: str = "") -> str:
    """The engine's own function as a script shows it, with the helpers from its module that it calls in front.

    ``name``: what the script calls it; without one, its own name without the underscore in front.
    Decorators, annotations and the underscore of private names are left out; the body is as it stands.
    Raises ValueError for a function without source, such as one that was made at run time.
    """
    found: dict[str, str] = {}
    _collect(function, found)
    text = "\n\n\n".join(found.values())
    renamed = {old: old.lstrip("_") for old in found} | ({function.__name__: name} if name else {})
    for old, new in renamed.items():
        if old != new:
            text = re.sub(rf"\b{old}\b(?=\()", new, text)
    return text


def public_name(function: Callable[..., Any]) -> str:
    """What `source_of` calls a function."""
    return function.__name__.lstrip("_")


def _collect(function: Callable[..., Any], found: dict[str, str]) -> None:
    if function.__name__ in found:
        return
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise ValueError(f"{function.__name__} has no source to put into a script") from None
    definition = ast.parse(text).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise ValueError(f"{function.__name__} is not written as a function, so a script cannot show it")
    space = getattr(function, "__globals__", {})
    for called in function.__code__.co_names:
        helper = space.get(called)
        if inspect.isfunction(helper) and helper.__module__ == function.__module__:
            _collect(helper, found)
    arguments = ", ".join(argument.arg for argument in definition.args.args)
    body = text.splitlines()[definition.body[0].lineno - 1 :]
    found[function.__name__] = "\n".join([f"def {function.__name__}({arguments}):", *body]).rstrip()


def assembled(header: str, blocks: Sequence[str], needed: Sequence[str]) -> str:
    """A script: the header, the imports of all blocks sorted at the top, and the blocks.

    ``needed``: import lines besides those that the blocks begin with.
    """
    lines: set[str] = set(needed)
    kept = []
    for text in blocks:
        rest = []
        for line in text.split("\n"):
            if line.startswith(("import ", "from ")):
                lines.add(line)
            else:
                rest.append(line)
        kept.append(re.sub(r"\A# The data\n+", "# The data\n\n", "\n".join(rest).strip("\n")))
    body = "\n\n\n".join(text for text in kept if text)
    lines |= {f"import {name}" for name in ("itertools", "math") if re.search(rf"\b{name}\.", body)}
    standard = sorted(line for line in lines if line.split()[1] in ("itertools", "math"))
    by_package = sorted(
        _merged(lines - set(standard)), key=lambda line: (line.split()[1].split(".")[0], line[0] == "f")
    )
    top = "\n".join(standard) + ("\n\n" if standard else "") + "\n".join(by_package)
    return f"{header}\n\n{top}\n\n{body}\n"


def _merged(lines: set[str]) -> list[str]:
    """Import lines, those from one module put together."""
    names: dict[str, set[str]] = {}
    for line in lines:
        if line.startswith("from "):
            module, name = line.removeprefix("from ").split(" import ")
            names.setdefault(module, set()).add(name)
    together = [f"from {module} import {', '.join(sorted(found))}" for module, found in names.items()]
    return sorted(together) + sorted(line for line in lines if line.startswith("import "))
