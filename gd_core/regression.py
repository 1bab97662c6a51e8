r"""A regression: a data set, a model and a loss, made into a problem that a descent can run on.

The objective is (1/m) sum_i loss(prediction_i - y_i) + l2 |theta|^2 / 2, over the m training rows; the intercept is
not penalised. The features are expanded (polynomials), then scaled with scikit-learn's scalers, fitted on the training
rows alone; parameters live in that scaled space, and `Regression.coefficients` gives them back in the data's units.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gd_core.checks import check_settings, distinct, require, setting
from gd_core.datasets import Dataset
from gd_core.losses import LOSSES, Loss
from gd_core.models import (
    MODELS,
    Predictor,
    linear_squared_gradient,
    quadratic_gradient,
    quadratic_value,
)
from gd_core.problem import Kernel, Matrix, Optimum, Quadratic, Vector

SCALINGS: dict[str, str] = {
    "none": "as they are",
    "standard": "mean 0, standard deviation 1",
    "minmax": "from 0 to 1",
    "robust": "median 0, interquartile range 1",
}
# 1,000 columns: a Hessian of 8 MB, and an eigendecomposition of about a second
MOST_COLUMNS = 1000
# with the furthest parameters that a run records, 1e75, the squares of the gradient stay below 1e308
MOST_SIZE = 1e30
# a variance takes squares
MOST_SIZE_BEFORE_SCALING = 1e150
# rows a block: ten columns of it stay in a core's cache while they are read twice
BLOCK_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Regression:
    """A problem from a data set: see the module's text for the objective.

    ``model``: "linear" (with ``degree`` > 1: polynomial features), "sinusoid" a sin(w x), "tanh" a tanh(w x) (one
    feature each), or "mlp" with ``hidden`` tanh units. The last three predict the deviation from the mean of y.
    ``loss``: a name of `LOSSES`; ``huber_delta`` is where Huber's loss turns straight.
    ``scaling``: a name of `SCALINGS`. Without an intercept nothing is shifted, only divided.
    ``l2``: adds l2 |theta|^2 / 2, the intercept left out (scikit-learn's ``alpha`` in SGDRegressor).
    ``validation``: the share of rows set aside, drawn with ``seed``.

    Raises ValueError for a setting out of range, a model that the features do not fit, or too many columns.
    """

    dataset: Dataset
    _: KW_ONLY
    model: str = "linear"
    degree: int = setting(1, least=1, most=12, help="highest power of the polynomial features")
    loss: str = "half_squared_error"
    scaling: str = "standard"
    intercept: bool = True
    l2: float = setting(0.0, least=0, help="pulls the parameters towards zero")
    validation: float = setting(0.0, least=0, most=0.9, help="share of the rows that the descent never sees")
    seed: int = setting(0, least=0, help="draws the validation rows and a random start")
    hidden: int = setting(4, least=1, most=64, help="units of the hidden layer")
    huber_delta: float = setting(1.0, above=0, help="the residual at which Huber's loss turns straight")

    def __post_init__(self) -> None:
        check_settings(self)
        require(isinstance(self.dataset, Dataset), "dataset must be a Dataset, got {}", type(self.dataset).__name__)
        for name, table in (("model", MODELS), ("loss", LOSSES), ("scaling", SCALINGS)):
            value = getattr(self, name)
            require(value in table, "{} must be one of {}, got {!r}", name, ", ".join(table), value)
        n_features = self.dataset.n_features
        wanted = self.predictor.n_features
        require(
            wanted is None or n_features == wanted,
            "the {} model needs a data set with {} feature, got {}",
            self.model,
            wanted,
            n_features,
        )
        require(
            self.degree == 1 or self.predictor.linear, "degree above 1 needs the linear model, got {!r}", self.model
        )
        columns = math.comb(n_features + self.degree, self.degree)
        require(
            columns <= MOST_COLUMNS,
            "degree {} makes {} columns of {} features, and the most is {}",
            self.degree,
            columns,
            n_features,
            MOST_COLUMNS,
        )
        self._check_sizes()
        require(
            len(self._split[0]) >= 1,
            "validation {} leaves no training row of {}",
            self.validation,
            self.dataset.n_samples,
        )

    def _check_sizes(self) -> None:
        """Squares of the features and of the loss have to stay numbers, however far a descent gets."""
        data, power = self.dataset, self.degree
        for label, values, exponent in (("X", data.X, power), ("y", data.y, 1)):
            most = MOST_SIZE if label == "y" or self.scaling == "none" else MOST_SIZE_BEFORE_SCALING
            largest = max(float(np.max(values)), -float(np.min(values)))
            require(
                largest <= most ** (1.0 / exponent),
                "{} must be within {:.3g} so that the loss stays a number, got {!r}",
                label,
                most ** (1.0 / exponent),
                largest,
            )

    # with data of checked size the loss is a number wherever a run records
    loss_stays_finite = True

    # the parts

    @property
    def predictor(self) -> Predictor:
        """The model's parts."""
        return MODELS[self.model]

    @property
    def loss_function(self) -> Loss:
        """The loss's parts."""
        return LOSSES[self.loss]

    @property
    def loss_title(self) -> str:
        """The loss by name, for an axis: the convention is always printed."""
        return self.loss_function.title

    # rows and columns

    @cached_property
    def _split(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        n = self.dataset.n_samples
        held = max(1, round(self.validation * n)) if self.validation > 0 else 0
        if held == 0:
            return np.arange(n), np.arange(0)
        order = np.random.default_rng(self.seed).permutation(n)
        return np.sort(order[held:]), np.sort(order[:held])

    @property
    def training_rows(self) -> npt.NDArray[np.int64]:
        """The data set's rows that the descent sees, (n_samples,), in the table's order."""
        return self._split[0]

    @property
    def validation_rows(self) -> npt.NDArray[np.int64]:
        """The data set's rows set aside."""
        return self._split[1]

    @cached_property
    def _expander(self) -> Any:
        from sklearn.preprocessing import PolynomialFeatures

        return PolynomialFeatures(self.degree, include_bias=False).fit(np.zeros((1, self.dataset.n_features)))

    def _expand(self, X: Matrix) -> Matrix:
        return X if self.degree == 1 else np.ascontiguousarray(self._expander.transform(X))

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The expanded features' names, without the intercept: x1, x2, x1^2, x1 x2, ..."""
        names = list(self.dataset.feature_names)
        if self.degree > 1:
            names = [
                " ".join(n if p == 1 else f"{n}^{p}" for n, p in zip(names, row, strict=True) if p)
                for row in self._expander.powers_
            ]
        return distinct(names, taken=("intercept",))

    @cached_property
    def _scaler(self) -> tuple[Vector, Vector]:
        """What is subtracted from and divides each column."""
        columns = self._expand(self.dataset.X[self.training_rows]) if self.validation else self._expand(self.dataset.X)
        n = columns.shape[1]
        if self.scaling == "none":
            return np.zeros(n), np.ones(n)
        from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

        if self.scaling == "standard":
            fitted = StandardScaler().fit(columns)
            shift, scale = fitted.mean_, fitted.scale_
        elif self.scaling == "minmax":
            fitted = MinMaxScaler().fit(columns)
            shift, scale = fitted.data_min_, 1.0 / fitted.scale_
        else:
            fitted = RobustScaler().fit(columns)
            shift, scale = fitted.center_, fitted.scale_
        moves = self.intercept or not self.predictor.linear
        return (np.array(shift) if moves else np.zeros(n)), np.array(scale)

    def design(self, X: npt.ArrayLike) -> Matrix:
        """The matrix that multiplies theta, from features in original units: expanded, scaled, ones in front."""
        X = np.ascontiguousarray(X, dtype=np.float64)
        wanted = self.dataset.n_features
        require(X.ndim == 2 and X.shape[1] == wanted, "X must have shape (n_samples, {}), got {}", wanted, X.shape)
        columns = self._expand(X)
        if self.scaling != "none":
            shift, scale = self._scaler
            columns = (columns - shift) / scale
        if self.predictor.linear and self.intercept:
            columns = np.column_stack([np.ones(columns.shape[0]), columns])
        return np.ascontiguousarray(columns)

    @cached_property
    def features(self) -> Matrix:
        """The design matrix of the training rows, (n_samples, n_columns)."""
        return self.design(self.dataset.X[self.training_rows] if self.validation else self.dataset.X)

    @cached_property
    def target_offset(self) -> float:
        """What is subtracted from y: its mean for the models that predict the deviation from it, 0 for linear ones."""
        return 0.0 if self.predictor.linear else float(np.mean(self.dataset.y[self.training_rows]))

    @cached_property
    def targets(self) -> Vector:
        """The training targets, (n_samples,)."""
        y = self.dataset.y[self.training_rows] if self.validation else self.dataset.y
        return y if self.predictor.linear else y - self.target_offset

    @cached_property
    def validation_features(self) -> Matrix:
        """The design matrix of the rows set aside."""
        return self.design(self.dataset.X[self.validation_rows])

    @cached_property
    def validation_targets(self) -> Vector:
        """The targets of the rows set aside."""
        return np.ascontiguousarray(self.dataset.y[self.validation_rows] - self.target_offset)

    # the problem

    @property
    def n_samples(self) -> int:
        """The number of training rows."""
        return len(self.training_rows)

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """A name for each entry of theta; with an intercept that is the first."""
        names = self.predictor.names(self.column_names, self.hidden)
        return ("intercept", *names) if self.predictor.linear and self.intercept else names

    @property
    def n_params(self) -> int:
        """The length of theta."""
        return len(self.parameter_names)

    @property
    def first_penalised(self) -> int:
        """The index of the first parameter that l2 pulls on."""
        return 1 if self.predictor.linear and self.intercept else 0

    @property
    def start(self) -> Vector:
        """Where a descent begins: zeros for linear models, a draw with ``seed`` where zeros would be a saddle."""
        return self.start_for(self.seed)

    def start_for(self, seed: int) -> Vector:
        """The start that a seed gives; the same for every seed with linear models."""
        if self.predictor.linear:
            return np.zeros(self.n_params)
        return self.predictor.start(self.n_params, self.hidden, np.random.default_rng([seed, 1]))

    def random_start(self, seed: int) -> Vector:
        """A seeded draw: the exact optimum's size times a standard normal, or a standard normal where none is known."""
        draw = np.random.default_rng([seed, 1]).standard_normal(self.n_params)
        if self.quadratic is None:
            return draw if self.predictor.linear else self.start_for(seed)
        return draw * max(1.0, float(np.max(np.abs(self.quadratic.optimum.theta))))

    @cached_property
    def _constants(self) -> Vector:
        curvature = self.loss_function.curvature or 0.0
        return np.array([self.huber_delta, self.l2, self.first_penalised, curvature, self.hidden], dtype=np.float64)

    @cached_property
    def kernel(self) -> Kernel:
        """The parts for the loop over the training rows."""
        return self._kernel_on(self.features, self.targets)

    def _kernel_on(self, features: Matrix, targets: Vector) -> Kernel:
        squared = self.predictor.linear and self.loss_function.curvature is not None
        return Kernel(
            gradient=linear_squared_gradient if squared else self.predictor.gradient,
            value=self.predictor.value,
            derivative=self.loss_function.derivative,
            loss=self.loss_function.value,
            X=features,
            y=targets,
            constants=self._constants,
            n_samples=features.shape[0],
        )

    @cached_property
    def full_kernel(self) -> Kernel:
        """The parts for batch descent: on a quadratic objective they never reread the data."""
        if self.quadratic is None:
            return self.kernel
        return Kernel(
            gradient=quadratic_gradient,
            value=quadratic_value,
            derivative=self.loss_function.derivative,
            loss=self.loss_function.value,
            X=self.quadratic.hessian,
            y=self.quadratic.linear,
            constants=self._constants,
            n_samples=1,
        )

    @cached_property
    def quadratic(self) -> Quadratic | None:
        """The closed form of the objective; None unless the model is linear and the loss quadratic."""
        curvature = self.loss_function.curvature
        if curvature is None or not self.predictor.linear:
            return None
        gram, product = _gram(self.features, self.targets)
        hessian = curvature / self.n_samples * gram
        penalised = np.arange(self.first_penalised, self.n_params)
        hessian[penalised, penalised] += self.l2
        return Quadratic(
            hessian=hessian,
            linear=curvature / self.n_samples * product,
            find_optimum=partial(_least_squares, self.features, self.targets, curvature, self.l2, self.first_penalised),
        )

    @cached_property
    def optimum(self) -> Optimum | None:
        """The exact minimiser and its objective: `lstsq` for squared losses, SciPy for the others.

        None where the objective is not convex and nothing can vouch for the best basin.
        """
        if self.quadratic is not None:
            return self.quadratic.optimum
        from gd_core.optimum import find_optimum

        return find_optimum(self)

    def value(self, theta: npt.ArrayLike) -> float:
        """The objective over the training rows at theta (n_params,)."""
        return float(self.kernel.values(self._theta(theta)[None, :])[0])

    def gradient(self, theta: npt.ArrayLike) -> Vector:
        """The gradient of the objective at theta (n_params,), over all training rows, shape (n_params,)."""
        return self.kernel.gradient_at(self._theta(theta))

    def gradient_of(self, theta: npt.ArrayLike, rows: npt.NDArray[np.int64]) -> Vector:
        """The gradient over some of the training rows, shape (n_params,)."""
        return self.kernel.gradient_of(self._theta(theta), np.ascontiguousarray(rows, dtype=np.int64))

    def _theta(self, theta: npt.ArrayLike) -> Vector:
        found = np.ascontiguousarray(theta, dtype=np.float64)
        require(found.shape == (self.n_params,), "theta must have shape ({},), got {}", self.n_params, found.shape)
        return found

    def values(self, thetas: Matrix) -> Vector:
        """The objective at each of (k, n_params) points, shape (k,)."""
        return self.quadratic.values(thetas) if self.quadratic is not None else self.kernel.values(thetas)

    def gradients(self, thetas: Matrix) -> Matrix:
        """The gradient over all training rows at each of (k, n_params) points, shape (k, n_params)."""
        return self.kernel.gradients(thetas)

    def gradient_norms(self, thetas: Matrix) -> Vector:
        """The norm of the full gradient at each of (k, n_params) points, shape (k,)."""
        chosen = self.quadratic if self.quadratic is not None else self.kernel
        return chosen.gradient_norms(thetas)

    def validation_values(self, thetas: Matrix) -> Vector | None:
        """The mean loss over the rows set aside, without the penalty, at each of (k, n_params) points, or None."""
        if not self.validation:
            return None
        kernel = self._kernel_on(self.validation_features, self.validation_targets)
        penalty = 0.5 * self.l2 * np.sum(thetas[:, self.first_penalised :] ** 2, axis=1)
        return kernel.values(np.ascontiguousarray(thetas)) - penalty

    def predict(self, theta: npt.ArrayLike, X: npt.ArrayLike | None = None) -> Vector:
        """Predictions in the units of y, (n_samples,): for X in original units, or for all rows of the data set."""
        rows = self.dataset.X if X is None else np.asarray(X, dtype=np.float64)
        return self.predictor.predict(self._theta(theta), self.design(rows), self.hidden) + self.target_offset

    def scores(self, theta: npt.ArrayLike) -> dict[str, float]:
        """R2 and RMSE on the training rows, and on the rows set aside where there are any.

        R2 = 1 - sum (y - prediction)^2 / sum (y - mean y)^2, RMSE = sqrt(mean (y - prediction)^2) in the units of y.
        The convention is ``sklearn.metrics.r2_score``: R2 of a constant y is 1 for a perfect fit and 0 otherwise.
        """
        found = self._scores(self._theta(theta), self.features, self.targets, "")
        if self.validation:
            found |= self._scores(self._theta(theta), self.validation_features, self.validation_targets, "validation ")
        return found

    def _scores(self, theta: Vector, features: Matrix, targets: Vector, which: str) -> dict[str, float]:
        residuals = targets - self.predictor.predict(theta, features, self.hidden)
        squares, spread = float(residuals @ residuals), float(np.sum((targets - targets.mean()) ** 2))
        r2 = 1.0 - squares / spread if spread > 0 else float(squares == 0)
        return {f"{which}R2": r2, f"{which}RMSE": math.sqrt(squares / len(targets))}

    def coefficients(self, theta: npt.ArrayLike) -> dict[str, float]:
        """The parameters in the data's original units: intercept first, then by (expanded) feature name.

        w_j / scale_j for each column, and the intercept less sum_j w_j shift_j / scale_j. For the models that are not
        linear in their parameters it is theta itself, by parameter name.
        """
        found = self._theta(theta)
        if not self.predictor.linear:
            return dict(zip(self.parameter_names, map(float, found), strict=True))
        shift, scale = self._scaler
        slopes = found[self.first_penalised :] / scale
        intercept = (found[0] if self.intercept else 0.0) - float(slopes @ shift)
        return {"intercept": float(intercept), **dict(zip(self.column_names, map(float, slopes), strict=True))}


def _gram(Z: Matrix, y: Vector) -> tuple[Matrix, Vector]:
    """Z'Z and Z'y in one pass over the rows, block by block, so that the second product finds them in cache."""
    n = Z.shape[1]
    gram, product = np.zeros((n, n)), np.zeros(n)
    for start in range(0, Z.shape[0], BLOCK_ROWS):
        block = Z[start : start + BLOCK_ROWS]
        gram += block.T @ block
        product += block.T @ y[start : start + BLOCK_ROWS]
    return gram, product


def _least_squares(Z: Matrix, y: Vector, curvature: float, l2: float, first_penalised: int) -> Optimum:
    """The minimiser of curvature |Z theta - y|^2 / (2 m) + l2 |theta|^2 / 2 by QR, then the SVD of R.

    The penalty is more rows under Z. Columns are brought to length one first, so that their units do not decide which
    directions count as zero; where the rank is short, the solution is the shortest in those lengths.
    """
    m, n = Z.shape
    weight = math.sqrt(curvature / m)
    stacked = np.column_stack([Z, y]) * weight
    if l2 > 0:
        penalty = np.zeros((n - first_penalised, n + 1))
        penalty[:, first_penalised:n] = math.sqrt(l2) * np.eye(n - first_penalised)
        stacked = np.vstack([stacked, penalty])
    lengths = np.linalg.norm(stacked[:, :n], axis=0)
    lengths[lengths == 0] = 1.0
    stacked[:, :n] /= lengths
    R: Matrix = np.asarray(np.linalg.qr(stacked, mode="r"))
    scaled, *_ = np.linalg.lstsq(R[:, :n], R[:, n], rcond=None)
    theta = scaled / lengths
    residual = R[:, n] - R[:, :n] @ scaled
    return Optimum(theta, 0.5 * float(residual @ residual))
