"""Theory against measurement: loss curves, noise floors, gradient variance, and which basin runs end in."""

import math

import numpy as np
import pytest

import gd_core as gd
from gd_core.basins import GOOD_START, POOR_START

RULES = {
    "plain": gd.SGD(),
    "heavy ball": gd.SGD(momentum=0.9),
    "dampened": gd.SGD(momentum=0.8, dampening=0.3),
    "Nesterov": gd.SGD(momentum=0.9, nesterov=True),
}


def conditioned(condition_number: float, n: int = 6) -> gd.Regression:
    """A noisy regression whose Hessian has eigenvalues from 1 / condition_number to 1, in no axis's direction."""
    draw = np.random.default_rng(7)
    m = 60
    rows, _ = np.linalg.qr(draw.standard_normal((m, n)))
    turn, _ = np.linalg.qr(draw.standard_normal((n, n)))
    sizes = np.sqrt(np.geomspace(1.0 / condition_number, 1.0, n) * m)
    X = rows * sizes @ turn
    y = X @ draw.standard_normal(n) + 0.1 * draw.standard_normal(m)
    return gd.Regression(gd.Dataset(X, y), scaling="none", intercept=False)


@pytest.mark.parametrize("condition_number", [1.0, 1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("rule", RULES)
def test_the_predicted_loss_is_the_measured_one(rule: str, condition_number: float) -> None:
    problem = conditioned(condition_number)
    found = gd.curvature(problem)
    assert found.condition_number == pytest.approx(condition_number, rel=1e-6)
    for share in (0.02, 0.5, 0.97):
        rate = share * found.max_stable_learning_rate_with(RULES[rule])
        variant = gd.Variant(rule=RULES[rule], schedule=gd.Constant(rate))
        run = gd.descend(problem, variant, gd.Budget(updates=100_000))
        predicted = gd.predicted_loss(problem, variant, run.updates)
        np.testing.assert_allclose(predicted, run.loss, rtol=1e-9)
        # the part above the optimum too, down to where it drowns in the rounding of theta
        best = problem.optimum.value
        above = run.loss - best
        seen = above > 1e-9 * above[0]
        np.testing.assert_allclose((predicted - best)[seen], above[seen], rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_the_predicted_loss_of_a_divergence(rule: str) -> None:
    problem = conditioned(100.0)
    rate = 1.3 * gd.curvature(problem).max_stable_learning_rate_with(RULES[rule])
    variant = gd.Variant(rule=RULES[rule], schedule=gd.Constant(rate), start=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    run = gd.descend(problem, variant, gd.Budget(updates=5000))
    assert run.outcome is gd.Outcome.DIVERGED
    np.testing.assert_allclose(gd.predicted_loss(problem, variant, run.updates), run.loss, rtol=1e-9)
    assert gd.predicted_loss(problem, variant, [10**9])[0] == math.inf


@pytest.mark.parametrize("scaling", ["none", "standard"])
@pytest.mark.parametrize("name", ["diabetes", "linnerud"])
def test_on_real_data(name: str, scaling: str) -> None:
    problem = gd.Regression(gd.load(name), scaling=scaling, loss="squared_error", l2=0.01)
    rate = gd.curvature(problem).best_learning_rate
    for rule in RULES.values():
        variant = gd.Variant(rule=rule, schedule=gd.Constant(0.3 * rate))
        run = gd.descend(problem, variant, gd.Budget(updates=2000))
        np.testing.assert_allclose(gd.predicted_loss(problem, variant, run.updates), run.loss, rtol=1e-9)


def test_a_quadratic_surface_is_predicted() -> None:
    surface = gd.Surface.named("ravine")
    variant = gd.Variant(rule=gd.SGD(momentum=0.5), schedule=gd.Constant(0.01))
    run = gd.descend(surface, variant, gd.Budget(updates=300))
    np.testing.assert_allclose(gd.predicted_loss(surface, variant, run.updates), run.loss, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("problem", "variant", "message"),
    [
        ({"loss": "huber"}, {}, "quadratic losses only, got Huber"),
        ({}, {"sampling": gd.Stochastic()}, "for batch descent, got stochastic"),
        ({}, {"rule": gd.Adam()}, "no loss curve for Adam"),
        ({}, {"rule": gd.SGD(weight_decay=0.1)}, "weight decay moves the optimum"),
        ({}, {"schedule": gd.Cosine(0.1)}, "constant learning rate"),
    ],
)
def test_where_theory_has_no_curve(problem: dict, variant: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gd.predicted_loss(gd.Regression(gd.load("linnerud"), **problem), gd.Variant(**variant), [0, 1])


@pytest.mark.parametrize("updates", [[-1], [0.5], [[1]], 3])
def test_update_counts_are_checked(updates: object) -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        gd.predicted_loss(conditioned(1.0), gd.Variant(), updates)


def settled(problem: gd.Regression, variant: gd.Variant, updates: int) -> float:
    """The mean excess loss of four runs from the optimum, after the first quarter."""
    means = []
    for seed in range(4):
        one = gd.Variant(
            sampling=variant.sampling, schedule=variant.schedule, start=tuple(problem.optimum.theta), seed=seed
        )
        run = gd.descend(problem, one, gd.Budget(updates=updates))
        late = run.updates > updates // 4
        # records are denser early, so each counts for the updates that it stands for
        means.append(np.average(run.loss[late], weights=np.gradient(run.updates[late].astype(float))))
    return float(np.mean(means)) - problem.optimum.value


@pytest.mark.parametrize(
    ("batch_size", "share", "tolerance"),
    [(1, 0.02, 0.06), (1, 0.3, 0.06), (1, 0.6, 0.08), (4, 0.3, 0.06), (20, 0.5, 0.06)],
)
def test_the_noise_floor_is_where_runs_settle(batch_size: int, share: float, tolerance: float) -> None:
    problem = conditioned(10.0, n=3)
    steepest = max(float(row @ row) for row in problem.features)
    variant = gd.Variant(
        sampling=gd.MiniBatch(batch_size, replacement=True), schedule=gd.Constant(share * 2.0 / steepest)
    )
    floor = gd.noise_floor(problem, variant)
    assert floor.exact
    assert floor.note == ""
    assert settled(problem, variant, 400_000) == pytest.approx(floor.excess, rel=tolerance)
    if share < 0.1:
        assert floor.simple == pytest.approx(floor.excess, rel=0.05)
    if batch_size == 1 and share > 0.5:
        # the textbook's formula leaves the curvature's noise out, and that shows at large rates
        assert floor.simple < 0.8 * floor.excess


def test_the_noise_floor_falls_with_the_rate_and_with_the_batch() -> None:
    problem = gd.Regression(gd.load("diabetes"))

    def floor(batch_size: int, rate: float) -> float:
        return gd.noise_floor(problem, gd.Variant(sampling=gd.MiniBatch(batch_size), schedule=gd.Constant(rate))).excess

    assert floor(1, 1e-3) / floor(1, 5e-4) == pytest.approx(2, rel=0.02)
    assert floor(1, 1e-3) / floor(10, 1e-3) == pytest.approx(10, rel=0.02)


def test_without_replacement_it_settles_lower_and_the_note_says_so() -> None:
    problem = conditioned(10.0, n=3)
    variant = gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.02))
    floor = gd.noise_floor(problem, variant)
    assert "settles lower" in floor.note
    assert settled(problem, variant, 100_000) < 0.7 * floor.excess


@pytest.mark.parametrize("batch_size", [1, 3])
def test_one_parameter_in_closed_form(batch_size: int) -> None:
    """E e^2 settles where it is E (1 - eta a)^2 E e^2 + eta^2 sigma^2, which is finite while the factor is below 1."""
    x = np.random.default_rng(5).standard_normal(40)
    data = gd.Dataset(x[:, None], 2 * x + np.random.default_rng(6).standard_normal(40))
    problem = gd.Regression(data, scaling="none", intercept=False)
    a = x**2
    noise = float(np.mean((a * problem.optimum.theta[0] - x * data.y) ** 2)) / batch_size
    limit = 2 * a.mean() / (a.mean() ** 2 + a.var() / batch_size)
    for share in (0.1, 0.9, 0.999, 1.001):
        rate = share * limit
        kept = (1 - rate * a.mean()) ** 2 + rate**2 * a.var() / batch_size
        sampling = gd.MiniBatch(batch_size, replacement=True)
        found = gd.noise_floor(problem, gd.Variant(sampling=sampling, schedule=gd.Constant(rate))).excess
        expected = 0.5 * a.mean() * rate**2 * noise / (1 - kept) if kept < 1 else math.inf
        assert found == pytest.approx(expected)
        assert (found == math.inf) == (share > 1)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_several_parameters_by_the_whole_kronecker_system(batch_size: int) -> None:
    """The mean of (I - eta A_i) x (I - eta A_i) over all rows, written out, where the floor uses its symmetric half."""
    problem = gd.Regression(gd.load("linnerud"), loss="squared_error", l2=0.2)
    H, X, optimum, n = problem.quadratic.hessian, problem.features, problem.optimum.theta, problem.n_params
    penalty = np.diag([0.0, *[0.2] * (n - 1)])
    rows = [2 * np.outer(x, x) + penalty for x in X]
    noise = np.array([problem.gradient_of(optimum, np.array([i])) for i in range(len(X))])
    rate = 0.9 / max(np.linalg.eigvalsh(row)[-1] for row in rows)
    mean = np.kron(H, H)
    apart = np.mean([np.kron(row, row) for row in rows], axis=0) - mean
    still = np.kron(np.eye(n) - rate * H, np.eye(n) - rate * H)
    update = still + rate**2 / batch_size * apart
    source = rate**2 / batch_size * (noise.T @ noise / len(X)).ravel()
    moment = np.linalg.solve(np.eye(n * n) - update, source).reshape(n, n)
    sampling = gd.MiniBatch(batch_size, replacement=True)
    found = gd.noise_floor(problem, gd.Variant(sampling=sampling, schedule=gd.Constant(rate)))
    assert found.excess == pytest.approx(0.5 * np.trace(H @ moment), rel=1e-9)


def test_many_parameters_leave_the_curvatures_noise_out() -> None:
    problem = gd.Regression(gd.generate("linear", n_samples=400, n_features=30, noise=0.5))
    floor = gd.noise_floor(problem, gd.Variant(sampling=gd.MiniBatch(8, replacement=True), schedule=gd.Constant(0.001)))
    assert not floor.exact
    assert "left out" in floor.note
    assert floor.excess == pytest.approx(floor.simple, rel=0.02)


def test_data_without_noise_have_no_floor() -> None:
    X = np.random.default_rng(0).standard_normal((30, 2))
    problem = gd.Regression(gd.Dataset(X, X @ [1.0, -2.0] + 3.0))
    variant = gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.01))
    assert gd.noise_floor(problem, variant).excess == pytest.approx(0, abs=1e-25)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({}, "exact gradients"),
        ({"sampling": gd.Stochastic(), "rule": gd.SGD(momentum=0.9)}, "for the plain rule"),
        ({"sampling": gd.Stochastic(), "rule": gd.Adam()}, "for the plain rule, got Adam"),
        ({"sampling": gd.Stochastic(), "schedule": gd.Cosine(0.1)}, "constant learning rate"),
    ],
)
def test_where_theory_has_no_floor(variant: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gd.noise_floor(gd.Regression(gd.load("linnerud")), gd.Variant(**variant))


def test_a_surface_has_no_rows() -> None:
    surface = gd.Surface.named("bowl")
    with pytest.raises(ValueError, match="for data"):
        gd.noise_floor(surface, gd.Variant(sampling=gd.Stochastic()))
    with pytest.raises(ValueError, match="only data have batches"):
        gd.gradient_variance(surface, (1.0, 1.0), [1])


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("model", ["linear", "tanh"])
@pytest.mark.parametrize("loss", ["half_squared_error", "huber"])
def test_the_gradient_variance_is_the_measured_one(loss: str, model: str, replacement: bool) -> None:
    problem = gd.Regression(gd.generate("sinusoid", n_samples=50, seed=2), model=model, loss=loss)
    sizes = [1, 2, 5, 10, 25, 50]
    found = gd.gradient_variance(problem, [0.4, -0.7], sizes, replacement=replacement, draws=6000)
    assert found.predicted[0] / found.predicted[3] == pytest.approx(10 if replacement else 10 * 49 / 40)
    np.testing.assert_allclose(found.measured, found.predicted, rtol=0.06, atol=1e-25)
    if not replacement:
        assert found.predicted[-1] == 0


def test_one_row_at_a_time_the_variance_is_the_mean_over_all_rows() -> None:
    problem = gd.Regression(gd.load("linnerud"))
    theta = np.array([1.0, 2.0, 3.0, 4.0])
    full = problem.gradient(theta)
    every = [float(np.sum((problem.gradient_of(theta, np.array([i])) - full) ** 2)) for i in range(20)]
    assert gd.gradient_variance(problem, theta, [1], draws=1).predicted[0] == pytest.approx(np.mean(every))


@pytest.mark.parametrize("size", [0, 21])
def test_batch_sizes_are_checked(size: int) -> None:
    with pytest.raises(ValueError, match="batch_size must be between 1 and n_samples"):
        gd.gradient_variance(gd.Regression(gd.load("linnerud")), np.zeros(4), [size])


def test_noise_escapes_a_poor_basin_and_misses_a_good_one() -> None:
    """100 seeds each: from the poor start 77 runs on single rows get out; from the good one 12 get lost."""
    batch, single, four = gd.count_basins(*gd.basin_demo(start=POOR_START), seeds=100)
    assert (batch.in_best, four.in_best) == (0, 0)
    assert 60 <= single.in_best <= 90
    assert single.diverged == 0
    batch, single, four = gd.count_basins(*gd.basin_demo(start=GOOD_START, learning_rate=0.1), seeds=100)
    assert (batch.in_best, four.in_best) == (100, 100)
    assert 75 <= single.in_best <= 97


def test_runs_are_counted_by_the_bottom_that_they_roll_to() -> None:
    demo = gd.basin_demo()
    still = gd.Variant(schedule=gd.Constant(1e-9), start=tuple(demo.problem.optimum.theta + 0.05))
    away = gd.Variant(schedule=gd.Constant(1e-9), start=POOR_START)
    wild = gd.Variant(schedule=gd.Constant(1e9), start=POOR_START)
    shares: list[float] = []
    budget = gd.Budget(updates=5, divergence=1e3)
    found = gd.count_basins(demo.problem, [still, away, wild], budget, seeds=3, progress=shares.append)
    assert [count.in_best for count in found] == [3, 0, 0]
    assert [count.diverged for count in found] == [0, 0, 3]
    assert found[0].bottoms == pytest.approx([demo.problem.optimum.value] * 3)
    assert shares[-1] == 1
