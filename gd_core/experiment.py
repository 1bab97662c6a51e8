"""One frozen description of everything that a page shows, to JSON, to a link and back.

    experiment = Experiment(Bundled("diabetes"), Model(degree=2), (Variant(), Variant(sampling=MiniBatch(32))))
    Experiment.from_json(experiment.to_json()) == experiment
    experiment.run().table()

The JSON is canonical: equal experiments give equal text, numbers to the last bit, so that its digest can be the key of
a cache. Every field is written out, defaults too: a description means the same after a default has changed. On the way
back a field may be missing, so that a field added later does not break an old link, but nothing may be unknown.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
import math
import re
import types
import typing
import zlib
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal

from gd_core.checks import check_settings, require, setting
from gd_core.comparison import Comparison, compare
from gd_core.datasets import Dataset, generate, load
from gd_core.datasets.bundled import BUNDLED
from gd_core.datasets.generators import GENERATORS, _check_request
from gd_core.descent import Budget, Variant
from gd_core.losses import LOSSES
from gd_core.models import MODELS
from gd_core.problem import Problem
from gd_core.regression import SCALINGS, Regression
from gd_core.rules import RULES, Rule
from gd_core.sampling import SAMPLINGS, Sampling
from gd_core.schedules import SCHEDULES, Schedule
from gd_core.typed_rules import TypedRule

if TYPE_CHECKING:
    from gd_core.surfaces import Surface

VERSION = 1
MOST_SEEDS = 50
MOST_CHARACTERS = 200
# 100 kB: a hundred times a usual description, and little enough to unpack from any link without a thought
MOST_BYTES = 100_000
# what fits a signed 64-bit integer; JSON itself has no bound, and a number of a million digits is an attack
LARGEST_WHOLE = 2**63 - 1


def _shown(value: object) -> str:
    """The value for a message, short whatever was handed over."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _check_text(name: str, value: object) -> None:
    require(isinstance(value, str), "{} must be a text, got {}", name, _shown(value))
    assert isinstance(value, str)
    require(
        len(value) <= MOST_CHARACTERS,
        "{} must be at most {} characters long, got {:,}",
        name,
        MOST_CHARACTERS,
        len(value),
    )
    broken = any("\ud800" <= character <= "\udfff" for character in value)
    require(not broken, "{} must be text that can be written to a file, got {}", name, _shown(value))


def _check_choice(name: str, value: object, choices: Any) -> None:
    known = isinstance(value, str) and value in choices
    require(known, "{} must be one of {}, got {}", name, ", ".join(choices), _shown(value))


@dataclass(frozen=True)
class Generated:
    """Data drawn by `generate`, whose arguments these are."""

    kind: str
    _: KW_ONLY
    n_samples: int = 200
    n_features: int = 1
    noise: float = 0.1
    seed: int = 0
    condition_number: float = 1.0
    outliers: float = 0.0

    def __post_init__(self) -> None:
        check_settings(self)
        _check_choice("kind", self.kind, GENERATORS)
        chosen = GENERATORS[self.kind]
        # left at 1, it becomes the smallest number that the kind has
        n_features = chosen.minimum_features if self.n_features == 1 else self.n_features
        _check_request(chosen, self.n_samples, n_features, self.noise, self.seed, self.condition_number, self.outliers)


@dataclass(frozen=True)
class Bundled:
    """Real data that ships with scikit-learn: a name of `BUNDLED`."""

    name: str

    def __post_init__(self) -> None:
        _check_choice("name", self.name, BUNDLED)


@dataclass(frozen=True)
class Uploaded:
    """Data from a person's file: how `to_dataset` made it, and the fingerprint of what came out.

    The rows are not in the description: whoever opens it hands the same data over, and the fingerprint tells.
    ``features``: None is every usable column.
    """

    fingerprint: str
    filename: str
    target: str
    features: tuple[str, ...] | None = None
    missing: Literal["drop", "mean", "median", "most_frequent"] = "drop"
    categories: Literal["one-hot", "ordinal", "drop"] = "one-hot"

    def __post_init__(self) -> None:
        digits = isinstance(self.fingerprint, str) and re.fullmatch("[0-9a-f]{64}", self.fingerprint)
        require(bool(digits), "fingerprint must be 64 hexadecimal digits, got {}", _shown(self.fingerprint))
        for name in ("filename", "target"):
            _check_text(name, getattr(self, name))
        if self.features is not None:
            require(isinstance(self.features, (tuple, list)), "features must be names, got {}", _shown(self.features))
            require(len(self.features) >= 1, "features must be at least one name, or None for all")
            for name in self.features:
                _check_text("a feature's name", name)
            require(len(set(self.features)) == len(self.features), "features must differ")
            object.__setattr__(self, "features", tuple(self.features))
        hints = typing.get_type_hints(type(self))
        for option in ("missing", "categories"):
            _check_choice(option, getattr(self, option), typing.get_args(hints[option]))


@dataclass(frozen=True)
class OnSurface:
    """A surface instead of data: a name of `SURFACES`, or a formula in x and y.

    ``domain``: ((x from, x to), (y from, y to)) that is drawn; None is the surface's own. ``noise`` is the standard
    deviation of what is added to each entry of the gradient of sampled descents, drawn with ``noise_seed``.
    """

    surface: str
    domain: tuple[tuple[float, float], tuple[float, float]] | None = None
    noise: float = setting(0.0, least=0)
    noise_seed: int = setting(0, least=0)

    def __post_init__(self) -> None:
        check_settings(self)
        require(isinstance(self.surface, str), "surface must be a text, got {}", _shown(self.surface))
        built = self.build()
        if self.domain is not None:
            object.__setattr__(self, "domain", built.domain)

    def build(self) -> Surface:
        """The surface. Raises ValueError, with the place, for what is neither a name nor a formula in x and y."""
        from gd_core.surfaces import SURFACES, Surface

        known = SURFACES.get(self.surface)
        surface = Surface.from_expression(self.surface) if known is None else known
        if self.domain is not None:
            surface = dataclasses.replace(surface, domain=self.domain)
        return surface.with_noise(self.noise, self.noise_seed)


Data = Generated | Bundled | Uploaded | OnSurface
DATA: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Data)}


def _as_in_regression(name: str) -> Any:
    field = Regression.__dataclass_fields__[name]
    return dataclasses.field(default=field.default, metadata=field.metadata)


@dataclass(frozen=True, kw_only=True)
class Model:
    """The settings of a `Regression`, all but its data set, with the same defaults and ranges."""

    model: str = _as_in_regression("model")
    degree: int = _as_in_regression("degree")
    loss: str = _as_in_regression("loss")
    scaling: str = _as_in_regression("scaling")
    intercept: bool = _as_in_regression("intercept")
    l2: float = _as_in_regression("l2")
    validation: float = _as_in_regression("validation")
    seed: int = _as_in_regression("seed")
    hidden: int = _as_in_regression("hidden")
    huber_delta: float = _as_in_regression("huber_delta")

    def __post_init__(self) -> None:
        check_settings(self)
        for name, table in (("model", MODELS), ("loss", LOSSES), ("scaling", SCALINGS)):
            _check_choice(name, getattr(self, name), table)
        require(
            self.degree == 1 or MODELS[self.model].linear,
            "degree above 1 needs the linear model, got {!r}",
            self.model,
        )

    def build(self, dataset: Dataset) -> Regression:
        """The regression of these settings on a data set. Raises ValueError for what the features do not fit."""
        return Regression(dataset, **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)})


@dataclass(frozen=True)
class Experiment:
    """Several variants on one problem with one budget: see the module's text.

    ``seeds``: how many seeds each variant is run with, from its own on; 1 to 50.

    Raises ValueError for a part of the wrong kind, for texts above 200 characters, for rules, schedules and samplings
    that are in no registry, and for a description above 100 kB.
    """

    data: Data
    model: Model = Model()
    variants: tuple[Variant, ...] = (Variant(),)
    budget: Budget = Budget(epochs=20)
    seeds: int = 1

    def __post_init__(self) -> None:
        require(
            isinstance(self.data, Data), "data must be one of {}, got {}", ", ".join(DATA), type(self.data).__name__
        )
        require(isinstance(self.model, Model), "model must be a Model, got {}", type(self.model).__name__)
        require(isinstance(self.budget, Budget), "budget must be a Budget, got {}", type(self.budget).__name__)
        given = isinstance(self.variants, (tuple, list))
        require(
            given and len(self.variants) >= 1, "variants must be at least one Variant, got {}", _shown(self.variants)
        )
        for variant in self.variants:
            require(isinstance(variant, Variant), "variants must each be a Variant, got {}", type(variant).__name__)
            if variant.label is not None:
                _check_text("label", variant.label)
        object.__setattr__(self, "variants", tuple(self.variants))
        whole = isinstance(self.seeds, int) and not isinstance(self.seeds, bool)
        require(
            whole and 1 <= self.seeds <= MOST_SEEDS,
            "seeds must be between 1 and {}, got {}",
            MOST_SEEDS,
            _shown(self.seeds),
        )
        size = len(self.to_json().encode())
        require(
            size <= MOST_BYTES, "an experiment's description must be at most {:,} bytes, got {:,}", MOST_BYTES, size
        )

    # to text and back

    @functools.cached_property
    def _json(self) -> str:
        described = {"version": VERSION, **_plain(self, "experiment")}
        return json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def to_json(self) -> str:
        """The canonical JSON: one line, keys sorted, every number such that it comes back to the last bit."""
        return self._json

    @classmethod
    def from_json(cls, text: str) -> Experiment:
        """The experiment that a JSON text describes. Raises ValueError, with one sentence, for anything else."""
        require(isinstance(text, str), "an experiment is read from text, got {}", type(text).__name__)
        try:
            found = _from_plain(cls, _parsed(text), "")
        except ValueError as error:
            message = str(error)
            raise ValueError(message if len(message) <= 400 else message[:397] + "...") from None
        assert isinstance(found, cls)
        return found

    def to_link_token(self) -> str:
        """The canonical JSON, compressed, in the letters, digits, - and _ that a link carries as they are."""
        packed = zlib.compress(self.to_json().encode(), 9)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def from_link_token(cls, token: str) -> Experiment:
        """The experiment in a link. Raises ValueError, with one sentence, for anything else."""
        require(isinstance(token, str), "a link's experiment is text, got {}", type(token).__name__)
        require(len(token) <= 2 * MOST_BYTES, "the link is too long: {:,} characters", len(token))
        require(
            re.fullmatch("[A-Za-z0-9_-]+", token) is not None, "the link is damaged: it holds unexpected characters"
        )
        try:
            unpacking = zlib.decompressobj()
            unpacked = unpacking.decompress(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), MOST_BYTES + 1)
        except (ValueError, zlib.error):
            raise ValueError("the link is damaged: it cannot be unpacked") from None
        require(len(unpacked) <= MOST_BYTES, "the link unpacks to more than {:,} bytes", MOST_BYTES)
        require(unpacking.eof and not unpacking.unused_data, "the link is damaged: a part is missing or too much")
        try:
            text = unpacked.decode()
        except UnicodeDecodeError:
            raise ValueError("the link is damaged: it does not hold text") from None
        return cls.from_json(text)

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal digits: a cache's key."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    # what it describes

    def dataset(self) -> Dataset:
        """The generated or bundled data set. Raises ValueError where there is none to be had from the description."""
        if isinstance(self.data, Uploaded):
            raise ValueError(
                f"this experiment is on the file {self.data.filename!r}: hand over its data set, whose fingerprint "
                f"begins with {self.data.fingerprint[:12]}"
            )
        require(not isinstance(self.data, OnSurface), "this experiment is on a surface and has no data set")
        return _dataset_of(self.data)

    def problem(self, dataset: Dataset | None = None) -> Problem:
        """The regression or surface to descend on.

        ``dataset``: needed for an uploaded file, and then only the one with the fingerprint is taken.
        Raises ValueError for another data set, and for a model that the data do not fit.
        """
        if isinstance(self.data, OnSurface):
            require(dataset is None, "this experiment is on a surface and takes no data set")
            return self.data.build()
        if dataset is None:
            return self.model.build(self.dataset())
        require(isinstance(dataset, Dataset), "dataset must be a Dataset, got {}", type(dataset).__name__)
        uploaded = isinstance(self.data, Uploaded)
        wanted = self.data.fingerprint if isinstance(self.data, Uploaded) else self.dataset().fingerprint
        require(
            dataset.fingerprint == wanted,
            "this experiment is on {}, whose fingerprint begins with {}; the data set at hand is another one ({})",
            f"the file {self.data.filename!r}" if isinstance(self.data, Uploaded) else f"{self.data!r}",
            wanted[:12],
            f"{dataset.n_samples} rows, {dataset.n_features} features, fingerprint {dataset.fingerprint[:12]}",
        )
        return self.model.build(dataset if uploaded else self.dataset())

    def run(self, dataset: Dataset | None = None, progress: Callable[[float], None] | None = None) -> Comparison:
        """Run every variant with every seed; `problem` says what ``dataset`` is for."""
        return compare(self.problem(dataset), self.variants, self.budget, seeds=self.seeds, progress=progress)


# 4: a person goes back and forth between a few data sets, and the largest takes 400 MB
@functools.lru_cache(maxsize=4)
def _dataset_of(data: Generated | Bundled) -> Dataset:
    if isinstance(data, Bundled):
        return load(data.name)
    arguments = dataclasses.asdict(data)
    return generate(arguments.pop("kind"), **arguments)


# objects -> what JSON has

# the parts that come in several kinds, each told apart by a tag; nothing is ever looked up by name outside these tables
# (a typed rule is in no menu of rules, since each is another rule, but it can be described)
_REGISTRIES: Mapping[Any, Mapping[str, type]] = {
    Sampling: SAMPLINGS,
    Rule: ChainMap({TypedRule.__name__: TypedRule}, RULES),
    Schedule: SCHEDULES,
    Data: DATA,
}


def _plain(value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {f.name: _plain(getattr(value, f.name), f.name) for f in dataclasses.fields(value)}
        tag = _tag(value, where)
        return {"type": tag, **fields} if tag else fields
    if isinstance(value, (tuple, list)):
        return [_plain(part, where) for part in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        require(abs(value) <= LARGEST_WHOLE, "{} must be below 2^63", where)
        return int(value)
    if isinstance(value, float):
        require(math.isfinite(value), "{} must be finite, got {!r}", where, value)
        # -0.0 equals 0.0 and would have another text
        return float(value) + 0.0
    if isinstance(value, str):
        broken = any("\ud800" <= character <= "\udfff" for character in value)
        require(not broken, "{} must be text that can be written to a file, got {}", where, _shown(value))
        return value
    raise ValueError(f"{where} cannot be described in JSON: {_shown(value)}")


def _tag(value: Any, where: str) -> str | None:
    for base, registry in _REGISTRIES.items():
        if isinstance(value, base):
            name = type(value).__name__
            require(registry.get(name) is type(value), "{} is of a kind that is not registered: {}", where, name)
            return name
    return None


# what JSON has -> objects


def _parsed(text: str) -> Any:
    require(len(text) <= MOST_BYTES, "the description is too long: {:,} characters", len(text))

    def refuse_constant(name: str) -> Any:
        raise ValueError(f"{name} is not a number that an experiment can hold")

    def whole(digits: str) -> int:
        require(len(digits) <= 20, "a whole number of {:,} digits is too large", len(digits))
        return int(digits)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        repeated = (
            next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        )
        require(repeated is None, "{} is given twice", _shown(repeated))
        return dict(pairs)

    try:
        return json.loads(text, parse_constant=refuse_constant, parse_int=whole, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("the description is nested too deeply") from None


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _from_plain(kind: type, value: Any, where: str) -> Any:
    """An instance of a dataclass from a JSON object."""
    place = where or "an experiment"
    require(isinstance(value, dict), "{} must be a JSON object, got {}", place, _shown(value))
    given = dict(value)
    if kind is Experiment:
        require("version" in given, "an experiment has a version, and this has none")
        version = given.pop("version")
        known = type(version) is int and version == VERSION
        require(known, "version must be {}, the only one that is known here, got {}", VERSION, _shown(version))
    hints = _hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = next((name for name in given if name not in fields), None)
    require(unknown is None, "{} has no field {}; it has {}", place, _shown(unknown), ", ".join(fields))
    for name, field in fields.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        require(name in given or not needed, "{} needs a field {!r}", place, name)
    parts = {name: _decoded(hints[name], part, f"{where}.{name}" if where else name) for name, part in given.items()}
    try:
        return kind(**parts)
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from None


def _decoded(hint: Any, value: Any, where: str) -> Any:
    """The value as the type hint demands; nothing is converted that is not of that kind already."""
    if hint in _REGISTRIES:
        return _tagged(_REGISTRIES[hint], value, where)
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return _from_plain(hint, value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _one_of(arguments, value, where)
    if origin is tuple:
        require(isinstance(value, list), "{} must be a list, got {}", where, _shown(value))
        if arguments[1:] == (...,):
            return tuple(_decoded(arguments[0], part, f"{where}[{i}]") for i, part in enumerate(value))
        require(len(value) == len(arguments), "{} must have {} entries, got {}", where, len(arguments), len(value))
        return tuple(
            _decoded(a, part, f"{where}[{i}]") for i, (a, part) in enumerate(zip(arguments, value, strict=True))
        )
    if origin is Literal:
        _check_choice(where, value, arguments)
        return value
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(number and math.isfinite(value), "{} must be a finite number, got {}", where, _shown(value))
        return float(value)
    names = {int: "a whole number", bool: "true or false", str: "a text", types.NoneType: "null"}
    require(type(value) is hint, "{} must be {}, got {}", where, names.get(hint, str(hint)), _shown(value))
    if hint is int:
        require(abs(value) <= LARGEST_WHOLE, "{} must be below 2^63", where)
    return value


def _one_of(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and types.NoneType in choices:
        return None
    kinds = [choice for choice in choices if choice is not types.NoneType]
    for choice in kinds:
        # a text is meant as a text, and a list as a list: so the message is about what was meant
        if isinstance(value, str) == (choice is str):
            return _decoded(choice, value, where)
    return _decoded(kinds[0], value, where)


def _tagged(registry: Mapping[str, type], value: Any, where: str) -> Any:
    require(isinstance(value, dict), "{} must be a JSON object, got {}", where, _shown(value))
    require("type" in value, "{} needs a field 'type', one of {}", where, ", ".join(registry))
    _check_choice(f"{where}.type", value["type"], registry)
    rest = {name: part for name, part in value.items() if name != "type"}
    return _from_plain(registry[value["type"]], rest, where)
