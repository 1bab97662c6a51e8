"""The compiled loop: `advance`, and `advance_plain` where its calls would cost more than the work."""

from __future__ import annotations

from typing import Any

import numpy as np

from gd_core.compiled import GRADIENT, SCALAR, STEP, VALUE, function_type, read_only_types
from gd_core.descent.settings import UNUSABLE

# SETTLED: the gradient is small enough; ESCAPED: too far, and recorded; LOST: unusable, and not recorded;
# STUCK: a line search found no decrease
RUNNING, SETTLED, ESCAPED, LOST, STUCK = 0, 1, 2, 3, 4
# ARMIJO compares losses; on a quadratic, EXACT and QUADRATIC_ARMIJO know the decrease in closed form
NO_SEARCH, ARMIJO, EXACT, QUADRATIC_ARMIJO = 0, 1, 2, 3


def advance(  # type: ignore[no-untyped-def]
    gradient, derivative, step, value, loss, X, y, constants, rows, stride, epoch_rows, batch_size, epoch_updates,
    rates, search, settings, theta, state, hyper, first, origin, limit, tolerance, record_at, recorded, thetas, used,
):  # fmt: skip
    """Do ``rates.size`` updates from update number ``first`` + 1; return (status, updates done, records).

    Update k of the stretch reads rows[start:stop] with start = epoch * stride + within * batch_size.
    """
    n = theta.size
    g = np.empty(n)
    previous = np.empty(n)
    trial = np.empty(n)
    beyond = np.empty(n)
    for k in range(rates.size):
        epoch = k // epoch_updates
        start = epoch * stride + (k - epoch * epoch_updates) * batch_size
        batch = rows[start : min(start + batch_size, epoch * stride + epoch_rows)]
        gradient(theta, X, y, batch, derivative, constants, g)
        if tolerance > 0.0:
            squares = 0.0
            for j in range(n):
                squares += g[j] * g[j]
            if squares <= tolerance * tolerance:
                return 1, k, recorded
        rate = rates[k]
        if search > 0:
            slope = 0.0
            for j in range(n):
                slope += g[j] * g[j]
            if not slope < np.inf:
                return 3, k, recorded
        if search == 1:
            # Armijo: shrink until the loss falls by the demanded share of what the gradient promises
            here = value(theta, X, y, batch, loss, constants)
            while True:
                moved = False
                for j in range(n):
                    trial[j] = theta[j] - rate * g[j]
                    # four roundings: what is shorter is no step
                    if abs(rate * g[j]) > 8.8e-16 * abs(theta[j]):
                        moved = True
                if not moved:
                    return 4, k, recorded
                there = value(trial, X, y, batch, loss, constants)
                if abs(there - here) > 1e-12 * abs(here):
                    if there <= here - settings[1] * rate * slope:
                        break
                else:
                    # rounding hides the decrease; the loss falls all the way there if it still falls at the end
                    gradient(trial, X, y, batch, derivative, constants, beyond)
                    ahead = 0.0
                    for j in range(n):
                        ahead += beyond[j] * g[j]
                    if ahead >= 0.0:
                        break
                rate *= settings[0]
        elif search > 1:
            # X is the Hessian and y the constant part: f falls by rate g'g - rate^2 g'Hg / 2
            bend = 0.0
            for i in range(n):
                product = 0.0
                size = abs(y[i])
                for j in range(n):
                    product += X[i, j] * g[j]
                    size += abs(X[i, j] * theta[j])
                bend += g[i] * product
                # n eps times the size of its terms: the most that rounding puts into an entry of the gradient
                beyond[i] = n * 2.2e-16 * size
            if bend <= 0.0:
                return 4, k, recorded
            if search == 2:
                rate = slope / bend
            else:
                while 0.5 * rate * bend > (1.0 - settings[1]) * slope:
                    rate *= settings[0]
            moved = False
            for j in range(n):
                if abs(g[j]) > beyond[j] and theta[j] - rate * g[j] != theta[j]:
                    moved = True
            if not moved:
                return 4, k, recorded
        for j in range(n):
            previous[j] = theta[j]
        step(theta, g, state, hyper, first + k + 1, rate)
        far = False
        lost = False
        for j in range(n):
            distance = abs(theta[j] - origin[j])
            # a comparison with NaN is false, so this asks for what is allowed
            if not distance <= limit:
                far = True
                if not distance < UNUSABLE:
                    lost = True
        if lost:
            for j in range(n):
                theta[j] = previous[j]
            return 3, k, recorded
        if far or first + k + 1 == record_at[recorded]:
            for j in range(n):
                thetas[recorded, j] = theta[j]
            used[recorded] = rate
            recorded += 1
        if far:
            return 2, k + 1, recorded
    return 0, rates.size, recorded


def _advance_signature() -> Any:
    from numba import types as t

    vector, matrix, whole, real = t.float64[::1], t.float64[:, ::1], t.int64, t.float64
    given, table, rows = read_only_types()
    return t.UniTuple(whole, 3)(
        function_type(GRADIENT), function_type(SCALAR), function_type(STEP), function_type(VALUE),
        function_type(SCALAR), table, given, given, rows, whole, whole, whole, whole,
        given, whole, given, vector, matrix, given, whole, given, real, real, rows, whole, matrix, vector,
    )  # fmt: skip


def advance_plain(  # type: ignore[no-untyped-def]
    X, y, constants, rows, rates, theta, first, origin, limit, largest, record_at, recorded, thetas, used
):
    """`advance` for one row an update, the plain rule and a squared loss, with the gradient written out.

    ``largest`` is the largest entry of X by size. The sums are taken in the order of `linear_squared_gradient`, so both
    give the same bits.
    """
    n = theta.size
    whole = n - n % 4
    scale, l2, penalised = constants[3], constants[1], int(constants[2])
    previous = np.empty(n)
    # No parameter can have moved further than the sum of all moves, which costs one addition an update. While that
    # bound leaves half the limit free (so that its own rounding does not matter) no parameter has to be looked at.
    bound = np.inf
    allowed = 0.5 * limit - np.max(np.abs(origin))
    next_record = record_at[recorded]
    for k in range(rates.size):
        i = rows[k]
        s0 = -y[i]
        s1 = s2 = s3 = 0.0
        if whole < n:
            s1 = X[i, whole] * theta[whole]
            if whole + 1 < n:
                s2 = X[i, whole + 1] * theta[whole + 1]
                if whole + 2 < n:
                    s3 = X[i, whole + 2] * theta[whole + 2]
        for j in range(0, whole, 4):
            s0 += X[i, j] * theta[j]
            s1 += X[i, j + 1] * theta[j + 1]
            s2 += X[i, j + 2] * theta[j + 2]
            s3 += X[i, j + 3] * theta[j + 3]
        slope = ((s0 + s1) + (s2 + s3)) * scale
        rate = rates[k]
        bound += rate * (abs(slope) * largest + l2 * bound)
        # a comparison with NaN is false, so this asks for what is allowed
        closely = not bound <= allowed
        if closely:
            for j in range(n):
                previous[j] = theta[j]
        if l2 == 0.0:
            for j in range(n):
                theta[j] -= rate * (slope * X[i, j])
        else:
            for j in range(penalised):
                theta[j] -= rate * (slope * X[i, j])
            for j in range(penalised, n):
                theta[j] -= rate * (slope * X[i, j] + l2 * theta[j])
        far = False
        if closely:
            bound = 0.0
            lost = False
            for j in range(n):
                bound = max(bound, abs(theta[j]))
                distance = abs(theta[j] - origin[j])
                if not distance <= limit:
                    far = True
                    if not distance < UNUSABLE:
                        lost = True
            if lost:
                for j in range(n):
                    theta[j] = previous[j]
                return 3, k, recorded
        if far or first + k + 1 == next_record:
            for j in range(n):
                thetas[recorded, j] = theta[j]
            used[recorded] = rate
            recorded += 1
            next_record = record_at[recorded]
        if far:
            return 2, k + 1, recorded
    return 0, rates.size, recorded


def _plain_signature() -> Any:
    from numba import types as t

    vector, matrix, whole, real = t.float64[::1], t.float64[:, ::1], t.int64, t.float64
    given, table, rows = read_only_types()
    return t.UniTuple(whole, 3)(
        table, given, given, rows, given, vector, whole, given, real, real, rows, whole, matrix, vector
    )
