"""An experiment comes back from JSON and from a link as it was, and anything else is refused with a sentence."""

import base64
import dataclasses
import json
import math
import typing
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gd_core.comparison import compare
from gd_core.datasets import BUNDLED, Dataset, generate, load
from gd_core.descent import Budget, Variant
from gd_core.experiment import (
    MOST_BYTES,
    Bundled,
    Experiment,
    Generated,
    Model,
    OnSurface,
    Uploaded,
)
from gd_core.losses import LOSSES
from gd_core.regression import SCALINGS, Regression
from gd_core.rules import RULES, SGD, Adam, Rule
from gd_core.sampling import SAMPLINGS, Batch, MiniBatch, Stochastic
from gd_core.schedules import SCHEDULES, Constant, Cosine, ExactLineSearch, LineSearch
from gd_core.surfaces import Surface
from gd_core.typed_rules import TypedRule

FINGERPRINT = "0123456789abcdef" * 4
USUAL = Experiment(Bundled("diabetes"))


# strategies: every registered part, with every field drawn from its own range


def field_values(field: dataclasses.Field, hint: object) -> st.SearchStrategy:
    bounds = field.metadata
    least = max(bounds.get("least", -math.inf), bounds.get("above", -math.inf))
    most = min(bounds.get("most", math.inf), bounds.get("below", math.inf))
    low = None if least == -math.inf else least
    high = None if most == math.inf else most
    reals = st.floats(
        low,
        high,
        allow_nan=False,
        allow_infinity=False,
        exclude_min=bounds.get("above") == low and low is not None,
        exclude_max=bounds.get("below") == high and high is not None,
    )
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(typing.get_args(hint))
    kinds = {
        bool: st.booleans(),
        int: st.integers(0 if low is None else int(low), 2**62 if high is None else int(high)),
        float: reals,
        tuple[float, float]: st.tuples(reals, reals),
    }
    return kinds[hint]


@st.composite
def parts(draw, registry: dict[str, type]) -> object:
    kind = draw(st.sampled_from(sorted(registry)))
    hints = typing.get_type_hints(registry[kind])
    fields = {f.name: draw(field_values(f, hints[f.name])) for f in dataclasses.fields(registry[kind])}
    try:
        return registry[kind](**fields)
    except ValueError:  # two fields that do not go together
        return registry[kind]()


texts = st.text(max_size=200)
wholes = st.integers(0, 2**62)
searches = st.builds(Variant, schedule=st.sampled_from([LineSearch(0.3), ExactLineSearch()]), seed=wholes)
variants = searches | st.builds(
    Variant,
    sampling=parts(SAMPLINGS),
    rule=parts(RULES) | st.sampled_from([TypedRule(), TypedRule(text="theta -= lr*g/(abs(g) + 0.1)\n")]),
    schedule=parts({k: v for k, v in SCHEDULES.items() if "LineSearch" not in k}),
    start=st.none()
    | st.just("random")
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5).map(tuple),
    seed=wholes,
    label=st.none() | texts,
)
tolerances = st.floats(0, 1e300)
budgets = st.one_of(
    *(
        st.builds(
            Budget,
            **{unit: st.integers(1, 10**12)},
            gradient_tolerance=tolerances,
            loss_tolerance=tolerances,
            divergence=st.floats(1e-300, 1e300),
        )
        for unit in ("epochs", "updates", "examples")
    )
)
models = st.builds(
    Model,
    degree=st.integers(1, 12),
    loss=st.sampled_from(sorted(LOSSES)),
    scaling=st.sampled_from(sorted(SCALINGS)),
    intercept=st.booleans(),
    l2=tolerances,
    validation=st.floats(0, 0.9),
    seed=wholes,
) | st.builds(Model, model=st.sampled_from(["sinusoid", "tanh", "mlp"]), hidden=st.integers(1, 64))
data = st.one_of(
    st.builds(
        Generated,
        st.sampled_from(["polynomial", "sinusoid", "heteroscedastic"]),
        n_samples=st.integers(2, 1000),
        n_features=st.integers(1, 9),
        noise=st.floats(0, 1e300),
        seed=wholes,
        outliers=st.floats(0, 0.5),
    ),
    st.builds(
        Generated,
        st.sampled_from(["linear", "correlated"]),
        n_samples=st.integers(50, 1000),
        n_features=st.integers(2, 9),
        condition_number=st.floats(1, 1e12),
    ),
    st.builds(Bundled, st.sampled_from(sorted(BUNDLED))),
    st.builds(
        Uploaded,
        st.just(FINGERPRINT),
        texts,
        texts,
        st.none() | st.lists(texts, min_size=1, max_size=4, unique=True).map(tuple),
        st.sampled_from(["drop", "mean", "median", "most_frequent"]),
        st.sampled_from(["one-hot", "ordinal", "drop"]),
    ),
    st.builds(
        OnSurface,
        st.sampled_from(["bowl", "himmelblau", "x^2 + 3*y**2 - sin(x*y)"]),
        st.none() | st.just(((-2, 2), (-1.5, 0.1))),
        st.floats(0, 1e6),
        wholes,
    ),
)
experiments = st.builds(
    Experiment, data, models, st.lists(variants, min_size=1, max_size=4).map(tuple), budgets, st.integers(1, 50)
)


@given(experiment=experiments)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_experiment_comes_back_equal_and_with_equal_bytes(experiment):
    text, token = experiment.to_json(), experiment.to_link_token()
    from_json, from_link = Experiment.from_json(text), Experiment.from_link_token(token)
    assert from_json == experiment
    assert from_link == experiment
    assert from_json.to_json() == from_link.to_json() == text
    assert from_link.to_link_token() == token
    assert from_json.key == experiment.key
    assert "\n" not in text


@given(number=st.floats(min_value=0, allow_nan=False, allow_infinity=False, exclude_min=True))
def test_a_number_comes_back_to_the_last_bit(number):
    sent = Experiment(Bundled("iris"), variants=(Variant(schedule=Constant(number), start=(-number,)),))
    back = Experiment.from_link_token(sent.to_link_token()).variants[0]
    assert np.float64(back.schedule.learning_rate).tobytes() == np.float64(number).tobytes()
    assert np.float64(back.start[0]).tobytes() == np.float64(-number).tobytes()


def test_the_description_is_this_text():
    # a link made today opens tomorrow: the form of the text may be added to, never changed
    assert USUAL.to_json() == (
        '{"budget":{"divergence":1000000000000.0,"epochs":20,"examples":null,"gradient_tolerance":0.0,'
        '"loss_tolerance":0.0,"updates":null},"data":{"name":"diabetes","type":"Bundled"},"model":{"degree":1,'
        '"hidden":4,"huber_delta":1.0,"intercept":true,"l2":0.0,"loss":"half_squared_error","model":"linear",'
        '"scaling":"standard","seed":0,"validation":0.0},"seeds":1,"variants":[{"label":null,"rule":{"dampening":0.0,'
        '"momentum":0.0,"nesterov":false,"type":"SGD","weight_decay":0.0},"sampling":{"type":"Batch"},"schedule":'
        '{"learning_rate":0.1,"type":"Constant"},"seed":0,"start":null}],"version":1}'
    )
    link = (
        "eNplUUtOwzAQvcusI9QgVlkCEgdgiVA0jV8TS44dxnagqnJ3xqaNKuHVfN9nfKFjNiMSdRcydoWM8AOoaw937-HQEJYwTJG6xxL_8Lw4"
        "aOazcw2NwsbCpz4FB-EKUJdciPFfMS-G0215a0gzLvSeZx1RFXxE6TeUzkupPGdvHAzp7BwMXNWKUVB0NjRZY-Cpe9IwHyG9jhTEtpBZ"
        "nyADFjWYJEMlPd5pU_CJ3amPX5kFpodIENppyFkPLoU4sMajlmJib1hMKUJFdQq1alNd2OAr9vbXilXdymLZJ00-LuTUmrtdTbJDtaLH"
        "hK_oVdgcZr1lnq-pR1QLYaXuxC5iv8r726tq-IYdp6SWBz7v5OV3Kt5lPyGnYSoHjMMEcyV26q3w9qL_UZbbHfwl-GI00XZnUyuSrt_2"
        "qc4gsVput1_PNr6w"
    )
    assert Experiment.from_link_token(link) == USUAL


def test_equal_experiments_have_one_key_and_others_another():
    assert Experiment(Bundled("diabetes"), seeds=1).key == USUAL.key
    start = Variant(start=(0.0, -0.0))
    assert (
        Experiment(Bundled("iris"), variants=(start,)).key
        == Experiment(Bundled("iris"), variants=(Variant(start=(-0.0, 0.0)),)).key
    )
    others = [
        Experiment(Bundled("wine")),
        Experiment(Bundled("diabetes"), Model(l2=5e-324)),
        Experiment(Bundled("diabetes"), variants=(Variant(rule=SGD(momentum=0.5)),)),
        Experiment(Bundled("diabetes"), variants=(Variant(rule=SGD(momentum=0.5, nesterov=True)),)),
        Experiment(Bundled("diabetes"), variants=(Variant(sampling=MiniBatch(442)),)),
        Experiment(Bundled("diabetes"), budget=Budget(updates=20)),
        Experiment(Bundled("diabetes"), seeds=2),
    ]
    assert len({USUAL.key, *(other.key for other in others)}) == len(others) + 1


def test_a_field_may_be_missing_and_takes_its_default():
    short = '{"version": 1, "data": {"type": "Bundled", "name": "diabetes"}, "variants": [{}]}'
    assert Experiment.from_json(short) == USUAL


def test_a_whole_number_is_taken_where_a_number_is_wanted():
    text = USUAL.to_json().replace('"learning_rate":0.1', '"learning_rate":1')
    assert Experiment.from_json(text).variants[0].schedule == Constant(1.0)


def changed(path: str, value: object) -> str:
    """The usual experiment's JSON with one entry put in or replaced."""
    described = json.loads(USUAL.to_json())
    *route, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = described
    for part in route:
        place = place[part]
    place[last] = value
    return json.dumps(described)


def without(path: str) -> str:
    described = json.loads(USUAL.to_json())
    *route, last = path.split("/")
    place = described
    for part in route:
        place = place[part]
    del place[last]
    return json.dumps(described)


UPLOADED = {"type": "Uploaded", "fingerprint": FINGERPRINT, "filename": "a.csv", "target": "y"}
HOSTILE = [
    ("nothing", "", "not JSON"),
    ("not JSON", "{version: 1}", "not JSON"),
    ("cut short", USUAL.to_json()[:-20], "not JSON"),
    ("more behind it", USUAL.to_json() + "{}", "not JSON"),
    ("a list", "[]", "must be a JSON object"),
    ("null", "null", "must be a JSON object"),
    ("a number", "1", "must be a JSON object"),
    ("an empty object", "{}", "has a version"),
    ("no data", '{"version": 1}', "needs a field 'data'"),
    ("version 2", changed("version", 2), "version must be 1"),
    ("version true", changed("version", True), "version must be 1"),
    ("version 1.0", changed("version", 1.0), "version must be 1"),
    ("version as text", changed("version", "1"), "version must be 1"),
    ("no version", without("version"), "has a version"),
    ("an unknown field", changed("__class__", "os.system"), "no field '__class__'"),
    ("an unknown field inside", changed("variants/0/rule/__init__", 1), "no field '__init__'"),
    ("a key twice", '{"version": 1, "version": 1}', "given twice"),
    ("a key twice inside", USUAL.to_json().replace('"l2":0.0', '"l2":0.0,"l2":1.0'), "given twice"),
    ("nesting", "[" * 40_000 + "]" * 40_000, "nested too deeply"),
    ("nesting of objects", '{"a":' * 15_000 + "1" + "}" * 15_000, "nested too deeply"),
    ("too long", " " * (MOST_BYTES + 1), "too long"),
    ("NaN", changed("model/l2", math.nan), "NaN is not a number"),
    ("infinity", changed("model/l2", math.inf), "Infinity is not a number"),
    ("minus infinity", changed("model/l2", -math.inf), "-Infinity is not a number"),
    ("a float too large", USUAL.to_json().replace('"l2":0.0', '"l2":1e999'), "finite number"),
    ("a million digits", USUAL.to_json().replace('"seeds":1', '"seeds":' + "9" * 90_000), "too large"),
    ("twenty digits", changed("variants/0/seed", 10**19), "below 2"),
    ("a seed below 0", changed("variants/0/seed", -1), "seed must be"),
    ("seeds 0", changed("seeds", 0), "seeds must be between 1 and 50"),
    ("seeds 51", changed("seeds", 51), "seeds must be between 1 and 50"),
    ("seeds true", changed("seeds", True), "seeds must be a whole number"),
    ("seeds 1.0", changed("seeds", 1.0), "seeds must be a whole number"),
    ("a bool for a number", changed("model/l2", False), "model.l2 must be a finite number"),
    ("a number for a bool", changed("model/intercept", 1), "model.intercept must be true or false"),
    ("text for a number", changed("variants/0/schedule/learning_rate", "0.1"), "must be a finite number"),
    ("a list for a number", changed("variants/0/schedule/learning_rate", [0.1]), "must be a finite number"),
    ("null for a number", changed("variants/0/schedule/learning_rate", None), "must be a finite number"),
    ("a rate of 0", changed("variants/0/schedule/learning_rate", 0), "learning_rate must be positive"),
    ("an unknown model", changed("model/model", "forest"), "model must be one of linear"),
    ("a list for a name", changed("model/loss", ["huber"]), "model.loss must be a text"),
    ("a long wrong name", changed("model/loss", "x" * 50_000), "loss must be one of"),
    ("a degree out of range", changed("model/degree", 13), "degree must be in"),
    ("variants null", changed("variants", None), "variants must be a list"),
    ("no variant", changed("variants", []), "at least one Variant"),
    ("variants an object", changed("variants", {"0": {}}), "variants must be a list"),
    ("a variant that is text", changed("variants/0", "batch"), r"variants\[0\] must be a JSON object"),
    ("a rule without type", changed("variants/0/rule", {}), "needs a field 'type'"),
    ("a rule that is no rule", changed("variants/0/rule", {"type": "Batch"}), "rule.type must be one of SGD"),
    ("a class by its path", changed("variants/0/rule", {"type": "os.system"}), "rule.type must be one of"),
    ("the base class", changed("variants/0/rule", {"type": "Rule"}), "rule.type must be one of"),
    ("a type that is a list", changed("variants/0/rule", {"type": ["SGD"]}), "rule.type must be one of"),
    ("a field of another rule", changed("variants/0/rule", {"type": "Adam", "momentum": 0.9}), "no field 'momentum'"),
    ("three betas", changed("variants/0/rule", {"type": "Adam", "betas": [0.9, 0.9, 0.9]}), "must have 2 entries"),
    ("betas of 1", changed("variants/0/rule", {"type": "Adam", "betas": [0.9, 1]}), "betas must be in"),
    ("Nesterov alone", changed("variants/0/rule/nesterov", True), "nesterov needs momentum"),
    (
        "a line search on batches",
        changed("variants/0", {"sampling": {"type": "Stochastic"}, "schedule": {"type": "LineSearch"}}),
        "needs Batch",
    ),
    (
        "a schedule per century",
        changed("variants/0/schedule", {"type": "StepDecay", "per": "century"}),
        "one of update",
    ),
    ("a batch of 0", changed("variants/0/sampling", {"type": "MiniBatch", "batch_size": 0}), "batch_size must be"),
    ("a start of text", changed("variants/0/start", "origin"), "start must be None"),
    ("a start with text in it", changed("variants/0/start", ["0"]), r"start\[0\] must be a finite number"),
    ("a label that is a number", changed("variants/0/label", 5), "label must be a text"),
    ("a label too long", changed("variants/0/label", "x" * 201), "at most 200 characters"),
    ("half a character", changed("variants/0/label", "\ud800"), "text that can be written"),
    ("two budgets", changed("budget/updates", 5), "exactly one of epochs"),
    ("no budget", changed("budget", {}), "exactly one of epochs"),
    ("a budget of text", changed("budget/epochs", "20"), "epochs must be a whole number"),
    ("a budget without end", changed("budget/epochs", 10**13), "epochs must be between"),
    ("a budget true", changed("budget/epochs", True), "epochs must be a whole number"),
    ("an unknown data set", changed("data/name", "../../etc/passwd"), "name must be one of diabetes"),
    ("an unknown kind of data", changed("data", {"type": "Path", "name": "/"}), "data.type must be one of"),
    ("an unknown generator", changed("data", {"type": "Generated", "kind": "x"}), "kind must be one of"),
    ("too many rows", changed("data", {"type": "Generated", "kind": "linear", "n_samples": 10**9}), "n_samples must"),
    ("a wrong fingerprint", changed("data", UPLOADED | {"fingerprint": "xyz"}), "64 hexadecimal digits"),
    ("a long file name", changed("data", UPLOADED | {"filename": "x" * 201}), "filename must be at most 200"),
    ("a feature twice", changed("data", UPLOADED | {"features": ["a", "a"]}), "features must differ"),
    ("no features", changed("data", UPLOADED | {"features": []}), "at least one name"),
    ("features as text", changed("data", UPLOADED | {"features": "ab"}), "features must be a list"),
    ("an unknown way to fill", changed("data", UPLOADED | {"missing": "guess"}), "must be one of drop"),
    ("a surface without name", changed("data", {"type": "OnSurface", "surface": " "}), "no formula yet"),
    ("code for a formula", changed("data", {"type": "OnSurface", "surface": "__import__('os')"}), "data: "),
    ("a formula without end", changed("data", {"type": "OnSurface", "surface": "x*" * 40_000 + "x"}), "data: "),
    ("noise below 0", changed("data", {"type": "OnSurface", "surface": "bowl", "noise": -1}), "noise must be"),
    ("a typed rule that is code", changed("variants/0/rule", {"type": "TypedRule", "text": "import os"}), "rule: "),
    ("a typed rule that stands still", changed("variants/0/rule", {"type": "TypedRule", "text": "m = g"}), "theta"),
    (
        "a domain turned round",
        changed("data", {"type": "OnSurface", "surface": "bowl", "domain": [[1, 0], [0, 1]]}),
        "from low to high",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_hostile_text_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        Experiment.from_json(text)
    message = str(caught.value)
    assert len(message) <= 400
    assert "Traceback" not in message


@pytest.mark.parametrize("given_as", [None, 5, b"{}", {"version": 1}, ["x"]])
def test_only_text_is_read(given_as):
    with pytest.raises(ValueError, match="text"):
        Experiment.from_json(given_as)
    with pytest.raises(ValueError, match="text"):
        Experiment.from_link_token(given_as)


def packed(payload: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(payload, 9)).decode().rstrip("=")


TOKEN = USUAL.to_link_token()
HOSTILE_TOKENS = [
    ("nothing", "", "damaged"),
    ("spaces", " " + TOKEN, "unexpected characters"),
    ("a line end", TOKEN + "\n", "unexpected characters"),
    ("padding", TOKEN + "==", "unexpected characters"),
    ("plain base64", TOKEN + "+/", "unexpected characters"),
    ("letters of another script", TOKEN + "é", "unexpected characters"),
    ("cut short", TOKEN[:-8], "damaged"),
    ("cut to one letter", "e", "damaged"),
    ("not packed", base64.urlsafe_b64encode(b"{}").decode().rstrip("="), "damaged"),
    ("a bomb", packed(b" " * 50_000_000), "more than 100,000 bytes"),
    ("more behind it", packed(b"{}") + "AAAA", "damaged"),
    ("not text", packed(b"\xff\xfe"), "does not hold text"),
    ("not JSON", packed(b"hello"), "not JSON"),
    ("an empty object", packed(b"{}"), "has a version"),
    ("too long", "A" * 300_000, "too long"),
]


@pytest.mark.parametrize(
    ("token", "sentence"), [row[1:] for row in HOSTILE_TOKENS], ids=[row[0] for row in HOSTILE_TOKENS]
)
def test_a_hostile_link_is_refused_with_a_sentence(token, sentence):
    with pytest.raises(ValueError, match=sentence):
        Experiment.from_link_token(token)


@given(text=st.text())
def test_no_text_does_more_than_raise_value_error(text):
    for read in (Experiment.from_json, Experiment.from_link_token):
        with pytest.raises(ValueError, match=r"\w"):
            read(text)


def test_what_cannot_be_described_cannot_be_made():
    class Homemade(Rule, step=lambda *_: None, register=False):
        pass

    with pytest.raises(ValueError, match="not registered: Homemade"):
        Experiment(Bundled("iris"), variants=(Variant(rule=Homemade()),))
    with pytest.raises(ValueError, match="below 2"):
        Experiment(Bundled("iris"), variants=(Variant(seed=2**63),))
    with pytest.raises(ValueError, match="at most 100,000 bytes"):
        Experiment(Bundled("iris"), variants=(Variant(start=tuple(np.linspace(0, 1, 10_000))),))
    with pytest.raises(ValueError, match="data must be one of"):
        Experiment(generate("linear"))
    with pytest.raises(ValueError, match="a Variant"):
        Experiment(Bundled("iris"), variants=(SGD(),))
    with pytest.raises(ValueError, match="budget must be a Budget"):
        Experiment(Bundled("iris"), budget=20)


def test_the_model_has_the_settings_of_a_regression():
    ours = {f.name: (f.type, f.default, dict(f.metadata)) for f in dataclasses.fields(Model)}
    theirs = {f.name: (f.type, f.default, dict(f.metadata)) for f in dataclasses.fields(Regression)}
    theirs.pop("dataset")
    assert ours == theirs
    built = Model(degree=3, loss="huber", scaling="robust", l2=0.5, validation=0.25, seed=4, huber_delta=2.0).build(
        generate("polynomial", n_features=2)
    )
    assert (built.degree, built.loss, built.validation, built.seed) == (3, "huber", 0.25, 4)


EXPERIMENTS = [
    Experiment(Generated("friedman", n_samples=60, seed=3), Model(l2=0.01, validation=0.2), seeds=2),
    Experiment(
        Bundled("iris"),
        Model(degree=2, loss="squared_error"),
        (Variant(schedule=Cosine(0.05)), Variant(sampling=MiniBatch(8), rule=Adam(), start="random", seed=5)),
        Budget(updates=40),
    ),
]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_run_gives_the_numbers_of_compare(experiment):
    ours = Experiment.from_link_token(experiment.to_link_token()).run()
    dataset = (
        load("iris") if isinstance(experiment.data, Bundled) else generate("friedman", n_samples=60, seed=3, noise=0.1)
    )
    model = {f.name: getattr(experiment.model, f.name) for f in dataclasses.fields(Model)}
    direct = compare(Regression(dataset, **model), experiment.variants, experiment.budget, seeds=experiment.seeds)
    for one, other in zip(ours.repeats, direct.repeats, strict=True):
        for run, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(run.theta, same.theta)


def test_progress_reaches_the_end():
    seen = []
    EXPERIMENTS[1].run(progress=seen.append)
    assert seen[-1] == 1.0


def test_an_uploaded_experiment_runs_on_its_data_alone():
    dataset = Dataset([[1, 2], [2, 3], [3, 5]], [2, 4, 6], name="houses.csv")
    data = Uploaded(dataset.fingerprint, "houses.csv", "y", ("x1", "x2"))
    experiment = Experiment(data, Model(scaling="none"), (Variant(sampling=Stochastic(), schedule=Constant(0.01)),))
    with pytest.raises(ValueError, match=r"on the file 'houses\.csv'"):
        experiment.run()
    with pytest.raises(ValueError, match="the data set at hand is another one"):
        experiment.run(Dataset([[1, 2], [2, 3], [3, 5]], [2, 4, 7]))
    with pytest.raises(ValueError, match="dataset must be a Dataset"):
        experiment.run([[1, 2]])
    # the name of a data set is a label, and no part of what it holds
    renamed = Dataset(dataset.X, dataset.y, name="renamed.csv")
    assert experiment.run(renamed).runs[0].updates[-1] == 60


def test_a_described_data_set_is_not_replaced_by_another():
    experiment = Experiment(Generated("linear", n_samples=30))
    assert experiment.run(generate("linear", n_samples=30)).problem.n_samples == 30
    with pytest.raises(ValueError, match="another one"):
        experiment.run(generate("linear", n_samples=31))


def test_a_data_set_is_drawn_once():
    experiment = Experiment(Generated("linear", n_samples=30, seed=9))
    assert experiment.dataset() is Experiment.from_json(experiment.to_json()).dataset()


def test_a_surface_takes_no_data_set():
    experiment = Experiment(OnSurface("bowl"), variants=(Variant(sampling=Batch(), start=(2.0, 2.0)),))
    assert Experiment.from_link_token(experiment.to_link_token()) == experiment
    with pytest.raises(ValueError, match="takes no data set"):
        experiment.run(generate("linear"))
    with pytest.raises(ValueError, match="has no data set"):
        experiment.dataset()


@pytest.mark.parametrize("text", ["himmelblau", "x^2 + 3*y^2"])
def test_a_descent_on_a_surface_is_that_of_the_surface(text):
    data = OnSurface(text, ((-4.0, 4.0), (-3.0, 3.0)), noise=0.5, noise_seed=2)
    variants = (
        Variant(start=(1.0, 1.0), schedule=Constant(0.01)),
        Variant(sampling=Stochastic(), rule=TypedRule(), start="random", schedule=Constant(0.001)),
    )
    ours = Experiment.from_link_token(Experiment(data, variants=variants, budget=Budget(updates=30)).to_link_token())
    surface = Surface.named("himmelblau") if text == "himmelblau" else Surface.from_expression(text)
    surface = dataclasses.replace(surface, domain=data.domain, noise=0.5, noise_seed=2)
    direct = compare(surface, variants, Budget(updates=30))
    for run, same in zip(ours.run().runs, direct.runs, strict=True):
        np.testing.assert_array_equal(run.theta, same.theta)
