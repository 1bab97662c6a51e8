"""The surfaces: gradients, minima and formulas against the literature, noise, and descents that stay finite."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gd_core as gd

cos, exp, pi, sqrt = np.cos, np.exp, np.pi, np.sqrt
# written once more, from the literature, as the oracle: f(x, y) and its gradient by hand
LITERATURE: dict[str, tuple[Callable[..., Any], Callable[..., Any] | None]] = {
    "bowl": (lambda x, y: x**2 + y**2, lambda x, y: (2 * x, 2 * y)),
    "ravine": (lambda x, y: 0.5 * (x**2 + 25 * y**2), lambda x, y: (x, 25 * y)),
    "saddle": (lambda x, y: x**2 - y**2, lambda x, y: (2 * x, -2 * y)),
    "rosenbrock": (
        lambda x, y: 100 * (y - x**2) ** 2 + (1 - x) ** 2,
        lambda x, y: (-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)),
    ),
    "himmelblau": (
        lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
        lambda x, y: (
            4 * x * (x**2 + y - 11) + 2 * (x + y**2 - 7),
            2 * (x**2 + y - 11) + 4 * y * (x + y**2 - 7),
        ),
    ),
    "beale": (
        lambda x, y: sum((c - x * (1 - y**k)) ** 2 for k, c in enumerate((1.5, 2.25, 2.625), start=1)),
        lambda x, y: (
            sum(-2 * (c - x * (1 - y**k)) * (1 - y**k) for k, c in enumerate((1.5, 2.25, 2.625), start=1)),
            sum(2 * (c - x * (1 - y**k)) * x * k * y ** (k - 1) for k, c in enumerate((1.5, 2.25, 2.625), start=1)),
        ),
    ),
    "booth": (
        lambda x, y: (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2,
        lambda x, y: (10 * x + 8 * y - 34, 8 * x + 10 * y - 38),
    ),
    "matyas": (
        lambda x, y: 0.26 * (x**2 + y**2) - 0.48 * x * y,
        lambda x, y: (0.52 * x - 0.48 * y, 0.52 * y - 0.48 * x),
    ),
    "three_hump_camel": (
        lambda x, y: 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2,
        lambda x, y: (4 * x - 4.2 * x**3 + x**5 + y, x + 2 * y),
    ),
    "six_hump_camel": (
        lambda x, y: (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (-4 + 4 * y**2) * y**2,
        lambda x, y: (8 * x - 8.4 * x**3 + 2 * x**5 + y, x - 8 * y + 16 * y**3),
    ),
    "rastrigin": (
        lambda x, y: 20 + x**2 - 10 * cos(2 * pi * x) + y**2 - 10 * cos(2 * pi * y),
        lambda x, y: (2 * x + 20 * pi * np.sin(2 * pi * x), 2 * y + 20 * pi * np.sin(2 * pi * y)),
    ),
    "ackley": (
        lambda x, y: -20 * exp(-0.2 * sqrt(0.5 * (x**2 + y**2))) - exp(0.5 * (cos(2 * pi * x) + cos(2 * pi * y)))
        + np.e + 20,
        None,
    ),
    "styblinski_tang": (
        lambda x, y: 0.5 * (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y),
        lambda x, y: (2 * x**3 - 16 * x + 2.5, 2 * y**3 - 16 * y + 2.5),
    ),
    "monkey_saddle": (lambda x, y: x**3 - 3 * x * y**2, lambda x, y: (3 * x**2 - 3 * y**2, -6 * x * y)),
    "goldstein_price": (
        lambda x, y: (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2))
        * (30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)),
        None,
    ),
}  # fmt: skip
# the lowest value, and where: Jamil and Yang, 2013
LOWEST = {
    "bowl": (0, [(0, 0)]),
    "ravine": (0, [(0, 0)]),
    "rosenbrock": (0, [(1, 1)]),
    "himmelblau": (0, [(3, 2), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)]),
    "beale": (0, [(3, 0.5)]),
    "booth": (0, [(1, 3)]),
    "matyas": (0, [(0, 0)]),
    "three_hump_camel": (0, [(0, 0)]),
    "six_hump_camel": (-1.0316285, [(0.08984201, -0.7126564), (-0.08984201, 0.7126564)]),
    "rastrigin": (0, [(0, 0)]),
    "ackley": (0, [(0, 0)]),
    "styblinski_tang": (-78.332331, [(-2.903534, -2.903534)]),
    "goldstein_price": (3, [(0, -1)]),
}
NAMED = list(gd.SURFACES)
shares = st.floats(0, 1)


def in_domain(surface: gd.Surface, u: float, v: float) -> np.ndarray:
    (x0, x1), (y0, y1) = surface.domain
    return np.array([x0 + u * (x1 - x0), y0 + v * (y1 - y0)])


# what they are


def test_every_surface_is_here_with_its_oracle() -> None:
    assert list(LITERATURE) == NAMED
    wanted = "bowl ravine saddle rosenbrock himmelblau beale booth three_hump_camel rastrigin ackley styblinski_tang"
    assert set(wanted.split()) | {"monkey_saddle"} <= set(NAMED)


@pytest.mark.parametrize("name", NAMED)
@given(u=shares, v=shares)
def test_value_and_gradient_are_those_of_the_literature(name: str, u: float, v: float) -> None:
    surface = gd.Surface.named(name)
    value, gradient = LITERATURE[name]
    theta = in_domain(surface, u, v)
    assert surface.value(theta) == pytest.approx(float(value(*theta)), rel=1e-12, abs=1e-11)
    if gradient is not None:
        np.testing.assert_allclose(surface.gradient(theta), gradient(*theta), rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("name", NAMED)
@given(u=shares, v=shares)
def test_the_gradient_is_the_slope_of_the_value(name: str, u: float, v: float) -> None:
    surface = gd.Surface.named(name)
    theta = in_domain(surface, u, v)
    if name == "ackley" and np.hypot(*theta) < 1e-3:
        return  # its kink, tested below
    steps = 1e-5 * np.eye(2)
    beside = surface.function(*np.array([[theta + d, theta - d] for d in steps]).T).T
    scale = max(1.0, float(np.abs(beside).max()))
    # central differences: rounding is worth 1e-16 / 1e-5 of the value, and the third derivative 1e-10
    np.testing.assert_allclose(
        surface.gradient(theta), (beside[:, 0] - beside[:, 1]) / 2e-5, rtol=1e-5, atol=1e-6 * scale
    )


@pytest.mark.parametrize("name", [name for name in NAMED if gd.SURFACES[name].minima])
def test_the_minima_are_minima(name: str) -> None:
    surface = gd.Surface.named(name)
    values = [value for *_, value in surface.minima]
    assert values == sorted(values)
    around = 1e-3 * np.array([(np.cos(a), np.sin(a)) for a in np.linspace(0, 6, 12)])
    for x, y, value in surface.minima:
        size = 1.0 if name != "goldstein_price" else 1e3
        assert surface.value((x, y)) == pytest.approx(value, abs=1e-13 * size)
        np.testing.assert_allclose(surface.gradient((x, y)), 0, atol=2e-14 * size)
        assert (surface.function(x + around[:, 0], y + around[:, 1]) > surface.value((x, y))).all()
        (x0, x1), (y0, y1) = surface.domain
        assert x0 < x < x1
        assert y0 < y < y1


@pytest.mark.parametrize("name", NAMED)
def test_the_lowest_minima_are_those_of_the_literature(name: str) -> None:
    surface = gd.Surface.named(name)
    if name not in LOWEST:
        assert surface.minima == ()
        assert surface.optimum is None
        return
    value, places = LOWEST[name]
    lowest = [known for known in surface.minima if known[2] < surface.minima[0][2] + 1e-9]
    np.testing.assert_allclose(sorted(known[:2] for known in lowest), sorted(places), atol=1e-6)
    assert lowest[0][2] == pytest.approx(value, abs=1e-6)
    assert float(np.nanmin(surface.grid(200)[2])) >= lowest[0][2] - 1e-12
    if len(places) == 1:
        assert surface.optimum is not None
        np.testing.assert_allclose(surface.optimum.theta, lowest[0][:2], atol=1e-14)
        assert surface.optimum.value == pytest.approx(lowest[0][2], abs=1e-13)
    else:
        assert surface.optimum is None


def test_the_bowl_at_its_start() -> None:
    bowl = gd.Surface.named("bowl")
    assert bowl.start.tolist() == [2, 2]
    assert bowl.value(bowl.start) == 8.0
    assert bowl.gradient(bowl.start).tolist() == [4.0, 4.0]
    assert bowl.learning_rate == 0.01
    assert bowl.formula == "{x}^{2} + {y}^{2}"
    assert (bowl.parameter_names, bowl.n_params, bowl.loss_title) == (("x", "y"), 2, "value")


def test_the_kink_of_ackley_counts_as_flat() -> None:
    ackley = gd.Surface.named("ackley")
    assert ackley.gradient((0, 0)).tolist() == [0, 0]
    assert ackley.gradient((1e-9, 0))[0] == pytest.approx(4 / np.sqrt(2), rel=1e-6)


def test_quadratic_surfaces_have_their_closed_form() -> None:
    found = [name for name in NAMED if gd.SURFACES[name].quadratic is not None]
    assert found == ["bowl", "ravine", "booth", "matyas"]
    for name in found:
        surface = gd.Surface.named(name)
        points = np.array([surface.start, surface.random_start(1), surface.random_start(2)])
        np.testing.assert_allclose(surface.values(points), [surface.value(p) for p in points], rtol=1e-13)
    assert gd.Surface.from_expression("2*x^2 + x*y + y^2 - x").quadratic is not None
    assert gd.Surface.from_expression("2*x^2 + 3*x*y + y^2").quadratic is None
    assert gd.Surface.from_expression("x^2").quadratic is None


# starts


@pytest.mark.parametrize("name", NAMED)
def test_plain_descent_gets_somewhere_at_the_suggested_rate(name: str) -> None:
    surface = gd.Surface.named(name)
    run = gd.descend(surface, gd.Variant(schedule=gd.Constant(surface.learning_rate)), gd.Budget(updates=300))
    assert run.loss[1] < run.loss[0]
    if surface.minima:
        assert run.outcome is gd.Outcome.BUDGET_SPENT
        near = min(np.hypot(run.final[0] - x, run.final[1] - y) for x, y, _ in surface.minima)
        assert near < 2.5 or name in ("rastrigin", "ackley")
        lowest = surface.minima[0][2]
        assert run.loss[-1] - lowest < 0.8 * (run.loss[0] - lowest)


@pytest.mark.parametrize("name", NAMED)
def test_starts_lie_in_the_domain(name: str) -> None:
    surface = gd.Surface.named(name)
    (x0, x1), (y0, y1) = surface.domain
    for theta in [surface.start, *(surface.random_start(seed) for seed in range(20))]:
        assert x0 <= theta[0] <= x1
        assert y0 <= theta[1] <= y1
    assert surface.random_start(3).tolist() == surface.random_start(3).tolist() != surface.random_start(4).tolist()
    assert surface.start_for(0).tolist() == surface.start_for(9).tolist()


def test_random_starts_fill_the_domain() -> None:
    surface = gd.Surface.from_expression("x + y", domain=((1, 3), (-20, -10)))
    drawn = np.array([surface.random_start(seed) for seed in range(400)])
    np.testing.assert_allclose(drawn.mean(axis=0), (2, -15), atol=0.6)
    np.testing.assert_allclose(np.ptp(drawn, axis=0), (2, 10), rtol=0.05)


def test_a_start_is_found_where_a_typed_formula_has_a_slope() -> None:
    log = gd.Surface.from_expression("log(-x - y) + x^2")
    assert np.isfinite(log.value(log.start))
    assert all(np.isfinite(log.value(log.random_start(seed))) for seed in range(20))
    step = gd.Surface.from_expression("max(0, x - 1.9)")
    assert step.gradient(step.start)[0] == 1.0
    flat = gd.Surface.from_expression("sign(x)")
    assert np.isfinite(flat.value(flat.start))
    nowhere = gd.Surface.from_expression("sqrt(-1 - x^2)")
    with pytest.raises(ValueError, match="no value at any of"):
        nowhere.start
    with pytest.raises(ValueError, match="no value at any of"):
        nowhere.random_start(0)


# what may be handed over


def test_a_surface_is_a_value() -> None:
    for surface in (gd.Surface.named("booth", noise=0.5, noise_seed=3), gd.Surface.from_expression("x*y")):
        _ = surface.kernel, surface.quadratic, surface.full_kernel, surface.optimum
        copied = pickle.loads(pickle.dumps(surface))
        assert (copied, hash(copied)) == (surface, hash(surface))
        assert copied.value((1, 2)) == surface.value((1, 2))
    assert gd.Surface.named("bowl") == gd.Surface.named("bowl") != gd.Surface.named("bowl", noise=1.0)
    assert gd.Surface.from_expression("x*y") != gd.Surface.from_expression("x*y", domain=((-1, 1), (-1, 1)))
    with pytest.raises(AttributeError):
        gd.Surface.named("bowl").noise = 1.0  # type: ignore[misc]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"domain": ((2, -2), (-2, 2))}, "each pair of domain must go from low to high"),
    ({"domain": ((-2, 2),)}, "domain must be"),
    ({"domain": ((-2, 2), (-2, 2, 3))}, "the domain of y must be 2 finite numbers"),
    ({"domain": ((-2, float("inf")), (-2, 2))}, "the domain of x must be 2 finite numbers"),
    ({"domain": ((-1e9, 1e9), (-2, 2))}, "domain must stay within"),
    ({"domain": "square"}, "domain must be"),
    ({"start": (1, float("nan"))}, "start_at must be 2 finite numbers"),
    ({"start": (1,)}, "start_at must be 2 finite numbers"),
    ({"start": "ab"}, "start_at must be 2 finite numbers"),
    ({"noise": -1}, "noise must be at least 0"),
    ({"noise": float("inf")}, "noise must be finite"),
    ({"noise_seed": -1}, "noise_seed must be at least 0"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_a_surface_refuses(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gd.Surface.from_expression("x^2", **settings)


@pytest.mark.parametrize("name", ["Bowl", "", None, 3, ["bowl"]])
def test_an_unknown_name_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="surface must be one of bowl, ravine"):
        gd.Surface.named(name)


def test_a_theta_of_another_length_is_refused() -> None:
    for call in (gd.Surface.named("bowl").value, gd.Surface.named("bowl").gradient):
        with pytest.raises(ValueError, match="theta must have shape"):
            call((1, 2, 3))


def test_the_grid_leaves_out_what_has_no_value() -> None:
    xs, ys, values = gd.Surface.from_expression("log(x) + y").grid(9)
    assert (xs.shape, ys.shape, values.shape) == ((9,), (9,), (9, 9))
    assert np.isnan(values[:, xs <= 0]).all()
    np.testing.assert_allclose(values[:, xs > 0], np.log(xs[xs > 0]) + ys[:, None])


# noise

NOISY = gd.Surface.named("rosenbrock", noise=0.5, noise_seed=7)


def racer(seed: int = 0, sampling: Any = None, **settings: Any) -> gd.Variant:
    return gd.Variant(sampling=sampling or gd.Stochastic(), schedule=gd.Constant(0.001), seed=seed, **settings)


def test_one_update_reads_one_row_of_noise() -> None:
    run = gd.descend(NOISY, racer(seed=5), gd.Budget(updates=20))
    moved = -np.diff(run.theta, axis=0) / 0.001
    met = moved - np.array([NOISY.gradient(theta) for theta in run.theta[:-1]])
    rows = [gd.Stochastic().rows_of(k, NOISY.n_samples, 5)[0] for k in range(1, 21)]
    np.testing.assert_allclose(met, NOISY.kernel.X[rows], atol=1e-9)


def test_a_batch_of_noise_is_the_mean_of_its_rows() -> None:
    run = gd.descend(NOISY, racer(sampling=gd.MiniBatch(8)), gd.Budget(updates=1))
    rows = gd.MiniBatch(8).rows_of(1, NOISY.n_samples, 0)
    expected = NOISY.start - 0.001 * (NOISY.gradient(NOISY.start) + NOISY.kernel.X[rows].mean(axis=0))
    np.testing.assert_allclose(run.final, expected, rtol=1e-14)


def test_batch_descent_meets_no_noise() -> None:
    for name in ("rosenbrock", "bowl"):
        quiet, noisy = gd.Surface.named(name), gd.Surface.named(name, noise=0.5)
        runs = [gd.descend(s, racer(sampling=gd.Batch()), gd.Budget(updates=50)) for s in (quiet, noisy)]
        assert np.array_equal(runs[0].theta, runs[1].theta)


def test_equal_seeds_meet_equal_noise() -> None:
    def final(surface: gd.Surface, seed: int) -> list[float]:
        return gd.descend(surface, racer(seed=seed), gd.Budget(updates=100)).final.tolist()

    assert final(NOISY, 1) == final(gd.Surface.named("rosenbrock", noise=0.5, noise_seed=7), 1)
    assert final(NOISY, 1) != final(NOISY, 2)
    assert final(NOISY, 1) != final(NOISY.with_noise(0.5, 8), 1)


def test_the_noise_is_normal_with_its_standard_deviation() -> None:
    table = gd.Surface.named("bowl", noise=0.5).kernel.X
    assert table.shape == (2000, 2)
    np.testing.assert_allclose(table.std(axis=0), 0.5, rtol=0.05)
    np.testing.assert_allclose(table.mean(axis=0), 0, atol=1e-15)
    assert abs(float(np.corrcoef(table.T)[0, 1])) < 0.1


def test_a_noisy_run_records_as_many_updates_as_a_quiet_one() -> None:
    budget = gd.Budget(updates=1999)
    assert len(gd.descend(NOISY, racer(), budget).updates) == 2000
    assert len(gd.descend(gd.Surface.named("rosenbrock"), racer(sampling=gd.Batch()), budget).updates) == 2000


def test_without_noise_there_is_one_row() -> None:
    quiet = gd.Surface.named("himmelblau")
    runs = [gd.descend(quiet, racer(sampling=s), gd.Budget(updates=50)) for s in (gd.Batch(), gd.Stochastic())]
    assert np.array_equal(runs[0].theta, runs[1].theta)
    with pytest.raises(ValueError, match=r"batch_size must be between 1 and n_samples \(1\), got 32"):
        gd.descend(quiet, racer(sampling=gd.MiniBatch(32)), gd.Budget(updates=50))


# descents

RATES = (0.5, 1e3, 1e30, 1e150, 1e300)


@pytest.mark.parametrize("rule", gd.RULES)
@pytest.mark.parametrize("name", [*NAMED, "exp(x^3) + y", "x^-2 + y^64", "log(x)*y", "cosh(x*y)^9"])
def test_no_rate_leaves_anything_that_cannot_be_shown(name: str, rule: str) -> None:
    surface = gd.Surface.named(name) if name in NAMED else gd.Surface.from_expression(name)
    for rate in RATES:
        for noise in (0.0, 1.0):
            variant = gd.Variant(
                sampling=gd.Stochastic() if noise else gd.Batch(),
                rule=gd.RULES[rule](),
                schedule=gd.Constant(rate),
            )
            run = gd.descend(surface.with_noise(noise), variant, gd.Budget(updates=60))
            for what in ("theta", "loss", "gradient_norm", "learning_rate", "epochs"):
                assert np.isfinite(getattr(run, what)).all(), (what, rate, noise)
            assert run.outcome is gd.Outcome.DIVERGED or run.updates[-1] == 60
            assert run.explanation.endswith(".")


@pytest.mark.parametrize("schedule", [gd.LineSearch(), gd.ExactLineSearch()])
def test_line_searches_find_the_bottom_of_a_quadratic(schedule: Any) -> None:
    surface = gd.Surface.named("booth")
    run = gd.descend(surface, gd.Variant(schedule=schedule), gd.Budget(updates=200))
    np.testing.assert_allclose(run.final, (1, 3), atol=1e-6)


def test_an_exact_line_search_needs_a_quadratic() -> None:
    with pytest.raises(ValueError, match="quadratic"):
        gd.descend(gd.Surface.named("beale"), gd.Variant(schedule=gd.ExactLineSearch()), gd.Budget(updates=5))
