"""Planes against the loss evaluated point by point, and paths against the plane."""

import time

import numpy as np
import pytest

import gd_core as gd

MANY = gd.Regression(gd.load("diabetes"))
AXES = [(0, 3), "principal", "eigen"]


def runs_on(problem: gd.Regression, *variants: gd.Variant, updates: int = 200) -> tuple[gd.Run, ...]:
    chosen = variants or (gd.Variant(), gd.Variant(sampling=gd.MiniBatch(8), schedule=gd.Constant(0.02)))
    return gd.compare(problem, chosen, gd.Budget(updates=updates)).runs


def problems() -> dict[str, gd.Regression]:
    wave = gd.generate("sinusoid", n_samples=40)
    return {
        "quadratic": MANY,
        "squared error with l2": gd.Regression(gd.load("linnerud"), loss="squared_error", l2=0.3),
        "huber with l2": gd.Regression(gd.load("linnerud"), loss="huber", l2=0.3),
        "absolute error, no intercept": gd.Regression(gd.load("iris"), loss="absolute_error", intercept=False),
        "mlp": gd.Regression(wave, model="mlp", hidden=3),
        "sinusoid": gd.Regression(wave, model="sinusoid"),
        "surface": gd.Surface.named("himmelblau"),
        "bowl": gd.Surface.named("bowl"),
    }


@pytest.mark.parametrize("axes", [(0, 1), "principal", "eigen"])
@pytest.mark.parametrize("name", problems())
def test_every_number_on_the_plane_is_the_loss_there(name: str, axes: object) -> None:
    problem = problems()[name]
    runs = runs_on(problem, gd.Variant(schedule=gd.Constant(0.01)), updates=30)
    found = gd.plane(problem, runs, axes=axes, resolution=7)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(2), atol=1e-12)
    assert found.loss.shape == (7, 7)
    assert found.loss.dtype == np.float64

    def at(u: float, v: float) -> np.ndarray:
        return found.origin + u * found.directions[0] + v * found.directions[1]

    for i, j in ((0, 0), (6, 2), (3, 5)):
        assert found.loss[i, j] == pytest.approx(problem.value(at(found.u[j], found.v[i])), rel=1e-9)
    path = found.paths[0]
    np.testing.assert_allclose(path.loss, runs[0].loss)
    for k in (0, 10, 30):
        foot = at(path.u[k], path.v[k])
        assert path.plane_loss[k] == pytest.approx(problem.value(foot), rel=1e-9)
        assert path.off[k] == pytest.approx(np.linalg.norm(runs[0].theta[k] - foot), abs=1e-9)
        # the foot is the nearest point of the plane
        np.testing.assert_allclose(found.directions @ (runs[0].theta[k] - foot), 0, atol=1e-9)
    if problem.optimum is not None:
        np.testing.assert_allclose(at(*found.minimum[:2]), problem.optimum.theta, atol=1e-9)
        assert found.minimum.loss == problem.optimum.value
    assert found.minimum.loss <= np.nanmin(found.loss) + 1e-12


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), "principal", "eigen"])
def test_two_parameters_leave_nothing_out(axes: object) -> None:
    problem = gd.Regression(gd.generate("linear", n_samples=50, n_features=1))
    runs = runs_on(problem)
    for path, run in zip(gd.plane(problem, runs, axes=axes).paths, runs, strict=True):
        assert not np.any(path.off)
        np.testing.assert_array_equal(path.plane_loss, run.loss)


def test_two_parameters_are_the_coordinates() -> None:
    problem = gd.Regression(gd.generate("linear", n_samples=50, n_features=1))
    (run,) = runs_on(problem, gd.Variant())
    found = gd.plane(problem, [run])
    np.testing.assert_array_equal(found.paths[0].u, run.theta[:, 0])
    np.testing.assert_array_equal(found.paths[0].v, run.theta[:, 1])
    assert found.axis_titles == problem.parameter_names


def test_the_other_parameters_are_held_at_the_optimum() -> None:
    found = gd.plane(MANY, [], axes=(2, 5))
    rest = [j for j in range(MANY.n_params) if j not in (2, 5)]
    np.testing.assert_array_equal(found.origin[rest], MANY.optimum.theta[rest])
    np.testing.assert_array_equal(found.origin[[2, 5]], 0)


def test_without_an_optimum_they_are_held_where_the_first_run_ended() -> None:
    problem = problems()["mlp"]
    runs = runs_on(problem)
    found = gd.plane(problem, runs, axes=(1, 4))
    rest = [j for j in range(problem.n_params) if j not in (1, 4)]
    np.testing.assert_array_equal(found.origin[rest], runs[0].final[rest])
    assert found.minimum.loss == np.min(found.loss)


def test_principal_directions_are_those_of_the_points() -> None:
    """Against the eigenvectors of the points' second moment, and by the distance off the plane."""
    runs = runs_on(MANY)
    found = gd.plane(MANY, runs, axes="principal")
    points = np.vstack([runs[0].theta[:1], runs[1].theta[:1], *(run.theta for run in runs)]) - MANY.optimum.theta
    sizes, vectors = np.linalg.eigh(points.T @ points)
    np.testing.assert_allclose(np.abs(found.directions @ vectors[:, [-1, -2]]), np.eye(2), atol=1e-8)
    assert f"({100 * sizes[-1] / sizes.sum():.3g} %)" in found.axis_titles[0]
    # no pair of parameters holds the paths as closely
    off = sum(float(np.sum(path.off**2)) for path in found.paths)
    other = sum(float(np.sum(path.off**2)) for path in gd.plane(MANY, runs, axes=(0, 3)).paths)
    assert off < other


def test_eigen_directions_are_the_steepest_and_the_flattest() -> None:
    found = gd.plane(MANY, [], axes="eigen")
    hessian = MANY.quadratic.hessian
    bends = np.einsum("ij,jk,ik->i", found.directions, hessian, found.directions)
    np.testing.assert_allclose(bends, np.linalg.eigvalsh(hessian)[[-1, 0]])
    assert found.axis_titles[0].startswith("largest curvature, 4.02: 0.43 total cholesterol / HDL + ")


@pytest.mark.parametrize("axes", AXES)
def test_a_diverging_path_leaves_the_window_and_is_not_moved(axes: object) -> None:
    calm = gd.Variant(schedule=gd.Constant(0.1))
    wild = gd.Variant(schedule=gd.Constant(0.6))
    alone, both = (gd.plane(MANY, runs_on(MANY, *some), axes=axes) for some in ((calm,), (calm, wild)))
    assert np.ptp(both.u) <= 8 * np.ptp(alone.u)
    assert np.ptp(both.v) <= 8 * np.ptp(alone.v)
    run = runs_on(MANY, calm, wild)[1]
    assert run.outcome is gd.Outcome.DIVERGED
    path = both.paths[1]
    np.testing.assert_allclose(
        np.column_stack([path.u, path.v]), (run.theta - both.origin) @ both.directions.T, rtol=1e-12
    )
    assert np.max(np.abs(np.column_stack([path.u, path.v]))) > 100 * max(np.ptp(both.u), np.ptp(both.v))


@pytest.mark.parametrize("axes", AXES)
def test_the_window_holds_start_optimum_and_path(axes: object) -> None:
    runs = runs_on(MANY)
    for found in (gd.plane(MANY, runs, axes=axes), gd.plane(MANY, [], axes=axes)):
        marks = [(found.minimum.u, found.minimum.v), *((path.u[0], path.v[0]) for path in found.paths)]
        marks += [point for path in found.paths for point in zip(path.u, path.v, strict=True)]
        for u, v in marks:
            assert found.u[0] < u < found.u[-1]
            assert found.v[0] < v < found.v[-1]
    assert np.all(np.diff(found.u) > 0)
    assert np.all(np.diff(found.v) > 0)


def test_a_run_that_stays_at_the_optimum_still_gets_a_window() -> None:
    variant = gd.Variant(start=tuple(MANY.optimum.theta), schedule=gd.Constant(1e-9))
    for axes in AXES:
        found = gd.plane(MANY, runs_on(MANY, variant, updates=3), axes=axes)
        assert np.ptp(found.u) > 0
        assert np.ptp(found.v) > 0
        assert np.all(np.isfinite(found.loss))


def test_a_surface_is_shown_over_its_domain_and_the_starts() -> None:
    surface = gd.Surface.from_expression("x^4 + y^2", domain=((-1, 2), (-3, 3)))
    found = gd.plane(surface, [])
    assert (found.u[0], found.u[-1], found.v[0], found.v[-1]) == (-1, 2, -3, 3)
    far = runs_on(surface, gd.Variant(start=(-4.0, 1.0), schedule=gd.Constant(1e-3)), updates=5)
    assert gd.plane(surface, far).u[0] == -4


def test_a_surface_without_a_value_everywhere() -> None:
    surface = gd.Surface.from_expression("log(x) + y^2", domain=((-1, 2), (-1, 1)))
    found = gd.plane(surface, [], resolution=10)
    assert np.isfinite(found.loss).any()
    assert not np.isfinite(found.loss).all()
    assert np.isfinite(found.minimum.loss)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"axes": (0, 0)}, "two different parameters' indices from 0 to 10, got \\(0, 0\\)"),
        ({"axes": (0, 11)}, "two different parameters' indices"),
        ({"axes": (-1, 2)}, "two different parameters' indices"),
        ({"axes": "best"}, "'principal' or 'eigen', got 'best'"),
        ({"axes": 3}, "'principal' or 'eigen', got 3"),
        ({"resolution": 1}, "resolution must be between 2 and 2000, got 1"),
    ],
)
def test_settings_are_checked(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gd.plane(MANY, [], **settings)


def test_one_parameter_has_no_plane() -> None:
    problem = gd.Regression(gd.generate("linear"), intercept=False)
    with pytest.raises(ValueError, match="at least 2 parameters, got 1"):
        gd.plane(problem, [])


def test_a_quadratic_plane_costs_little() -> None:
    """Under 3 ms, whatever the number of rows."""
    problem = gd.Regression(gd.generate("linear", n_samples=50_000, n_features=10))
    _ = problem.optimum

    def seconds() -> float:
        started = time.perf_counter()
        gd.plane(problem, [])
        return time.perf_counter() - started

    assert min(seconds() for _ in range(7)) < 0.003
