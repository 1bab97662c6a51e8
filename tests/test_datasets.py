"""The data set's checks and fingerprint, the truth behind each generator, and the bundled data."""

import hashlib
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gd_core.datasets import BUNDLED, GENERATORS, Dataset, generate, load

SHAPES = {"diabetes": (442, 10), "linnerud": (20, 3), "iris": (150, 3), "wine": (178, 12), "breast_cancer": (569, 9)}
SETS_CONDITION = ("linear", "correlated")


def weights(n_features: int) -> np.ndarray:
    j = np.arange(1, n_features + 1)
    return 3.0 * (-1.0) ** (j + 1) / j


# Each kind's documented formula, written again and differently from the generators.
TRUTH = {
    "linear": lambda X: 1 + X @ weights(X.shape[1]),
    "correlated": lambda X: 1 + X @ weights(X.shape[1]),
    "polynomial": lambda X: 1 + np.polyval([1, -0.5, -2, 0], X) @ (1 / np.arange(1, X.shape[1] + 1)),
    "sinusoid": lambda X: np.sin(2 * X) @ (1 / np.arange(1, X.shape[1] + 1)),
    "heteroscedastic": lambda X: 1 + X @ weights(X.shape[1]),
    "friedman": lambda X: (
        10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
    ),
}


class TestDataset:
    def test_takes_lists_and_makes_read_only_floats(self):
        data = Dataset([[1, 2], [2, 3], [3, 4]], [2, 4, 6])
        assert (data.n_samples, data.n_features) == (3, 2)
        assert data.X.dtype == data.y.dtype == np.float64
        assert data.X.flags.c_contiguous
        assert data.feature_names == ("x1", "x2")
        assert (data.target_name, data.name) == ("y", "data")
        with pytest.raises(ValueError, match="read-only"):
            data.X[0, 0] = 5
        with pytest.raises(AttributeError):
            data.y = np.zeros(3)

    def test_copies_what_it_is_given(self):
        X, y = np.asfortranarray(np.ones((3, 2))), np.ones(3)
        data = Dataset(X, y)
        X[0, 0] = y[0] = 7.0
        assert data.X[0, 0] == data.y[0] == 1.0

    def test_one_dimension_is_one_feature(self):
        assert Dataset([1, 2, 3], [1, 2, 3]).X.shape == (3, 1)

    def test_keeps_names(self):
        data = Dataset([[1, 2]], [3], ["a", "b"], target_name="c", name="d")
        assert (data.feature_names, data.target_name, data.name) == (("a", "b"), "c", "d")
        assert repr(data) == "Dataset('d', 1 x 2, target 'c')"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([[1, 2], [3]], [1, 2]), "X must be a rectangular array"),
            (([["1", "2"]], [1]), "X must be a rectangular array of real numbers"),
            (([[1j]], [1]), "X must be a rectangular array of real numbers"),
            ((np.array([["2020-01-01"]], dtype="M8[D]"), [1]), "X must be a rectangular array of real numbers"),
            (([[1.0], [2.0]], ["a", "b"]), "y must be a rectangular array of real numbers"),
            (([[[1.0]]], [1]), r"X must have shape \(n_samples, n_features\), got \(1, 1, 1\)"),
            ((3.0, [1]), r"X must have shape .* got \(\)"),
            (([[1.0]], [[1.0]]), r"y must have shape \(n_samples,\), got \(1, 1\)"),
            (([], []), "at least one row and one column"),
            ((np.empty((3, 0)), [1, 2, 3]), "at least one row and one column, got shape \\(3, 0\\)"),
            (([[1.0], [2.0]], [1.0]), "same number of rows, got 2 and 1"),
            (([[1, 2], [3, np.inf]], [1, 2]), "X must be finite, got inf in row 2, column 'x2'"),
            (([[1, None]], [1]), "X must be finite, got nan in row 1, column 'x2'"),
            (([[1], [2], [3]], [1, 2, -np.inf]), "y must be finite, got -inf in row 3, column 'y'"),
            (([[1, 2]], [1], ["a"]), "feature_names must have 2 names, got 1"),
            (([[1, 2]], [1], ["a", "a"]), "feature_names must differ, got 'a' more than once"),
            (([[1, 2]], [1], "ab"), "feature_names must be a sequence of names"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            Dataset(*arguments)


class TestFingerprint:
    def test_is_the_documented_digest(self):
        # Written down once, because links carry it: it may never change.
        written = "4eb6c687377690e253767d731907cf9911efa5cb587dee8ff29571f30157129c"
        values = struct.pack("<6d", 1, 2, 3, 4, 5, 6)
        assert hashlib.sha256(b"((2, 2), ('x1', 'x2'), 'y')" + values).hexdigest() == written
        assert Dataset([[1, 2], [3, 4]], [5, 6]).fingerprint == written

    @pytest.mark.parametrize(
        "other",
        [
            Dataset([[1, 2], [3, 4]], [5, 7]),
            Dataset([[1, 2], [3, 5]], [5, 6]),
            Dataset([[1, 2], [3, 4]], [5, 6], ["x1", "z"]),
            Dataset([[1, 2], [3, 4]], [5, 6], target_name="z"),
            Dataset([[1, 3], [2, 4]], [5, 6]),
            Dataset([1, 2], [5, 6]),
        ],
    )
    def test_tells_contents_apart(self, other):
        data = Dataset([[1, 2], [3, 4]], [5, 6])
        assert data.fingerprint != other.fingerprint
        assert data != other

    def test_ignores_the_label_the_layout_and_the_sign_of_zero(self):
        data = Dataset([[0, 2], [3, 4]], [5, 6])
        other = Dataset(np.asfortranarray([[-0.0, 2], [3, 4]]).astype(">f8"), [5, 6], name="other")
        assert data == other
        assert hash(data) == hash(other)
        assert data != "data"

    def test_survives_pickling_read_only(self):
        data = pickle.loads(pickle.dumps(load("iris")))
        assert data == load("iris")
        assert not data.X.flags.writeable
        assert not data.y.flags.writeable

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
    def test_is_a_function_of_the_values(self, values):
        first, second = Dataset(values, values), Dataset(np.array(values)[:, np.newaxis], list(values))
        assert first.fingerprint == second.fingerprint
        assert first.X.ravel().tolist() == values


class TestGenerate:
    def test_kinds(self):
        assert {"linear", "correlated", "polynomial", "sinusoid", "heteroscedastic", "friedman"} <= set(GENERATORS)
        assert set(TRUTH) == set(GENERATORS)
        for kind, generator in GENERATORS.items():
            assert generator.kind == kind
            assert generator.description
            assert "\n" not in generator.description

    @pytest.mark.parametrize("kind", TRUTH)
    def test_defaults_work(self, kind):
        data = generate(kind)
        assert (data.n_samples, data.n_features) == (200, GENERATORS[kind].minimum_features)
        assert data.name == kind

    @pytest.mark.parametrize("kind", TRUTH)
    @pytest.mark.parametrize("n_features", [5, 7])
    def test_without_noise_is_the_documented_formula(self, kind, n_features):
        data = generate(kind, n_features=n_features, noise=0.0, seed=3)
        np.testing.assert_allclose(data.y, TRUTH[kind](data.X), rtol=0, atol=1e-10)

    @pytest.mark.parametrize("kind", TRUTH)
    def test_noise_has_the_asked_deviation(self, kind):
        data = generate(kind, n_samples=40_000, n_features=5, noise=0.7, seed=1)
        residual = data.y - TRUTH[kind](data.X)
        if kind == "heteroscedastic":
            residual /= 1 + 2 * data.X[:, 0]
        # 40,000 draws: the deviation is known to 0.35 per cent, the mean to 0.0035, each with four deviations' room
        assert residual.std() == pytest.approx(0.7, rel=0.015)
        assert abs(residual.mean()) < 0.015

    def test_heteroscedastic_noise_grows_with_the_first_feature(self):
        data = generate("heteroscedastic", n_samples=20_000, noise=0.5)
        residual, x = data.y - TRUTH["heteroscedastic"](data.X), data.X[:, 0]
        assert residual[x > 2.5].std() > 3 * residual[x < 0.5].std()

    @pytest.mark.parametrize("kind", TRUTH)
    def test_is_a_function_of_the_seed(self, kind):
        assert generate(kind, seed=5) == generate(kind, seed=5)
        assert generate(kind, seed=5) != generate(kind, seed=6)

    @pytest.mark.parametrize("kind", TRUTH)
    def test_noise_and_outliers_leave_the_features_alone(self, kind):
        plain, noisy = generate(kind, noise=0.0), generate(kind, noise=3.0, outliers=0.2)
        np.testing.assert_array_equal(plain.X, noisy.X)

    def test_is_the_same_in_another_process_and_leaves_the_global_generator_alone(self):
        np.random.seed(0)  # noqa: NPY002 - it is the global generator that must be left alone
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        fingerprint = generate("friedman", seed=9, outliers=0.1).fingerprint
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
        code = "from gd_core.datasets import generate; print(generate('friedman', seed=9, outliers=0.1).fingerprint)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == fingerprint

    @pytest.mark.parametrize("kind", SETS_CONDITION)
    @settings(deadline=None, max_examples=40)
    @given(
        n_features=st.integers(2, 8),
        extra=st.integers(1, 60),
        log_condition=st.floats(0, 8),
        seed=st.integers(0, 2**32),
    )
    def test_condition_number_is_exact(self, kind, n_features, extra, log_condition, seed):
        condition = 10.0**log_condition
        data = generate(
            kind, n_samples=n_features + extra, n_features=n_features, condition_number=condition, seed=seed
        )
        np.testing.assert_allclose(data.X.mean(axis=0), 0, atol=1e-12)
        singular = np.linalg.svd(data.X, compute_uv=False)
        assert (singular[0] / singular[-1]) ** 2 == pytest.approx(condition, rel=1e-6)

    def test_features_are_orthogonal_to_rounding_when_rows_are_scarce(self):
        # 299 directions in 300 rows: a single pass of Gram-Schmidt is not enough
        X = generate("linear", n_samples=300, n_features=299).X
        assert np.abs(X.T @ X / 300 - np.eye(299)).max() < 1e-14
        assert np.abs(X.sum(axis=0)).max() < 1e-12

    def test_scaling_cures_linear_and_leaves_correlated(self):
        linear, correlated = (generate(kind, n_features=4, condition_number=1e4) for kind in SETS_CONDITION)
        np.testing.assert_allclose(linear.X.var(axis=0), [1, 10 ** (-4 / 3), 10 ** (-8 / 3), 1e-4])
        np.testing.assert_allclose(np.corrcoef(linear.X.T), np.eye(4), atol=1e-10)
        np.testing.assert_allclose(correlated.X.var(axis=0), np.ones(4))
        rho = (1e4 - 1) / (1e4 + 3)
        np.testing.assert_allclose(np.corrcoef(correlated.X.T), rho + (1 - rho) * np.eye(4), atol=1e-10)

    def test_outliers_are_the_asked_share_moved_by_five_to_ten_deviations(self):
        plain, moved = (generate("linear", n_samples=1000, noise=0.5, outliers=share) for share in (0.0, 0.05))
        shift = np.abs(moved.y - plain.y) / plain.y.std()
        shift = shift[shift > 0]
        assert len(shift) == 50
        assert ((shift >= 5) & (shift <= 10)).all()
        assert (generate("linear", outliers=0.001).y != generate("linear").y).sum() == 1

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"kind": "cubic"}, "kind must be one of linear, .*, got 'cubic'"),
            ({"n_samples": 1}, "n_samples must be between 2 and 10,000,000, got 1"),
            ({"n_samples": 10_000_001}, "n_samples must be between 2 and 10,000,000"),
            ({"n_samples": 2.5}, "n_samples must be a whole number, got 2.5"),
            ({"n_samples": 10_000_000, "n_features": 9}, "n_samples x n_features must be at most 50,000,000"),
            ({"n_features": 0}, "n_features must be at least 1 for 'linear', got 0"),
            ({"kind": "friedman", "n_features": 4}, "n_features must be at least 5 for 'friedman', got 4"),
            ({"noise": -0.1}, "noise must be zero or positive, got -0.1"),
            ({"noise": float("nan")}, "noise must be zero or positive, got nan"),
            ({"noise": float("inf")}, "noise must be zero or positive, got inf"),
            ({"seed": -1}, "seed must be zero or positive, got -1"),
            ({"outliers": 0.6}, "outliers must be a share between 0 and 0.5, got 0.6"),
            ({"outliers": -0.1}, "outliers must be a share"),
            ({"condition_number": 10.0}, "condition_number must be 1 with one feature"),
            ({"condition_number": 0.5, "n_features": 2}, "condition_number must be between 1 and 1e12, got 0.5"),
            ({"condition_number": float("inf"), "n_features": 2}, "condition_number must be between 1 and 1e12"),
            ({"n_samples": 5, "n_features": 5}, r"n_samples must be greater than n_features \(5\) for 'linear'"),
            *(
                ({"kind": kind, "condition_number": 10.0}, f"condition_number must be 1 for '{kind}'")
                for kind in ("polynomial", "sinusoid", "heteroscedastic", "friedman")
            ),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            generate(**{"kind": "linear"} | arguments)


class TestBundled:
    def test_names(self):
        assert set(SHAPES) == set(BUNDLED)

    @pytest.mark.parametrize("name", SHAPES)
    def test_shape_names_and_a_finite_optimum(self, name):
        data = load(name)
        assert (data.n_samples, data.n_features) == SHAPES[name]
        assert data.name == name
        assert data.target_name not in data.feature_names
        assert not data.feature_names[0].startswith("x1")
        design = np.column_stack([np.ones(data.n_samples), data.X])
        theta, _, rank, _ = np.linalg.lstsq(design, data.y, rcond=None)
        assert rank == data.n_features + 1
        assert np.isfinite(theta).all()
        assert (data.y - design @ theta).var() < data.y.var()

    def test_is_in_original_units_and_loaded_once(self):
        diabetes = load("diabetes")
        assert load("diabetes") is diabetes
        assert 40 < diabetes.X[:, diabetes.feature_names.index("age (years)")].mean() < 60
        assert diabetes.X.std(axis=0).max() > 50 * diabetes.X.std(axis=0).min()

    def test_refuses_other_names(self):
        with pytest.raises(ValueError, match=r"name must be one of diabetes, .*, got 'boston'"):
            load("boston")

    def test_scikit_learn_is_imported_only_to_load(self):
        code = "import sys, gd_core.datasets; assert not {'sklearn', 'pandas'} & set(sys.modules)"
        subprocess.run([sys.executable, "-c", code], check=True)
