"""Whole paths of PyTorch's optimisers, stored so that the tests compare with them where PyTorch is not installed.

    python -m pip install torch==2.13.0
    PYTHONPATH=. python tests/oracles/make_trajectories.py

writes ``trajectories.npz`` beside this file: the data, PyTorch's version, and for every case of `CASES` the parameters
before the first update and after each one, in double precision.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import gd_core as gd

STORED = Path(__file__).with_name("trajectories.npz")
# 23 rows in batches of 5: the last batch of an epoch has 3
BATCH_SIZE, EPOCHS = 5, 12
UPDATES = EPOCHS * 5


class Case(NamedTuple):
    """One descent: its rule, its schedule, its sampling, and which of the two squared losses."""

    rule: Any
    schedule: Any
    sampling: Any
    loss: str = "squared_error"

    @property
    def key(self) -> str:
        return " | ".join([repr(self.rule), repr(self.schedule), type(self.sampling).__name__, self.loss])


# every rule with its defaults, with each hyperparameter moved alone, and with all of them moved at once; the rates are
# such that a rounding stays one: at 0.1, PyTorch's NAdam makes 1e-9 of a start that is off by one in the last place
SETTINGS: list[tuple[float, Any]] = [
    (0.05, gd.SGD()),
    (0.02, gd.SGD(momentum=0.9)),
    (0.02, gd.SGD(momentum=0.9, dampening=0.4)),
    (0.02, gd.SGD(momentum=0.8, nesterov=True)),
    (0.05, gd.SGD(weight_decay=0.3)),
    (0.02, gd.SGD(momentum=0.7, dampening=0.2, weight_decay=0.1)),
    (0.02, gd.SGD(momentum=0.7, nesterov=True, weight_decay=0.1)),
    (0.5, gd.Adagrad()),
    (0.5, gd.Adagrad(lr_decay=0.05)),
    (0.5, gd.Adagrad(weight_decay=0.3)),
    (0.5, gd.Adagrad(initial_accumulator_value=2.0)),
    (0.5, gd.Adagrad(eps=0.1)),
    (0.4, gd.Adagrad(lr_decay=0.02, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3)),
    (0.05, gd.RMSprop()),
    (0.05, gd.RMSprop(alpha=0.8)),
    (0.05, gd.RMSprop(eps=0.1)),
    (0.05, gd.RMSprop(weight_decay=0.3)),
    (0.01, gd.RMSprop(momentum=0.8)),
    (0.05, gd.RMSprop(centered=True)),
    (0.01, gd.RMSprop(alpha=0.9, eps=1e-3, weight_decay=0.1, momentum=0.7, centered=True)),
    (1.0, gd.Adadelta()),
    (1.0, gd.Adadelta(rho=0.7)),
    (1.0, gd.Adadelta(eps=1e-2)),
    (1.0, gd.Adadelta(weight_decay=0.3)),
    (0.7, gd.Adadelta(rho=0.95, eps=1e-3, weight_decay=0.1)),
    (0.1, gd.Adam()),
    (0.1, gd.Adam(betas=(0.5, 0.9))),
    (0.1, gd.Adam(eps=0.1)),
    (0.1, gd.Adam(weight_decay=0.3)),
    (0.2, gd.Adam(betas=(0.0, 0.95), eps=1e-3, weight_decay=0.1)),
    (0.1, gd.AdamW()),
    (0.1, gd.AdamW(betas=(0.5, 0.9))),
    (0.1, gd.AdamW(eps=0.1)),
    (0.1, gd.AdamW(weight_decay=0.0)),
    (0.2, gd.AdamW(betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3)),
    (0.2, gd.Adamax()),
    (0.2, gd.Adamax(betas=(0.5, 0.99))),
    (0.2, gd.Adamax(eps=0.1)),
    (0.2, gd.Adamax(weight_decay=0.3)),
    (0.3, gd.Adamax(betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
    (0.2, gd.NAdam()),
    (0.2, gd.NAdam(betas=(0.5, 0.9))),
    (0.2, gd.NAdam(eps=0.1)),
    (0.2, gd.NAdam(weight_decay=0.3)),
    (0.2, gd.NAdam(momentum_decay=0.1)),
    (0.2, gd.NAdam(weight_decay=0.3, decoupled_weight_decay=True)),
    (0.2, gd.NAdam(betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, momentum_decay=0.02, decoupled_weight_decay=True)),
    (0.1, gd.RAdam()),
    (0.1, gd.RAdam(betas=(0.5, 0.9))),
    (0.1, gd.RAdam(eps=0.1)),
    (0.1, gd.RAdam(weight_decay=0.3)),
    (0.1, gd.RAdam(weight_decay=0.3, decoupled_weight_decay=True)),
    (0.1, gd.RAdam(betas=(0.9, 0.5))),
    (0.2, gd.RAdam(betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, decoupled_weight_decay=True)),
    (0.2, gd.AMSGrad()),
    (0.2, gd.AMSGrad(betas=(0.5, 0.9))),
    (0.2, gd.AMSGrad(eps=0.1)),
    (0.2, gd.AMSGrad(weight_decay=0.3)),
    (0.3, gd.AMSGrad(betas=(0.8, 0.7), eps=1e-3, weight_decay=0.1)),
    (0.1, gd.Rprop()),
    (0.1, gd.Rprop(etas=(0.3, 1.5))),
    (0.1, gd.Rprop(step_sizes=(0.01, 0.15))),
    (0.001, gd.Rprop(etas=(0.7, 1.1), step_sizes=(0.005, 1.0))),
]
SCHEDULES: list[Any] = [
    gd.StepDecay(0.1, factor=0.5, every=3),
    gd.StepDecay(0.1, factor=0.8, every=7, per="update"),
    gd.ExponentialDecay(0.1, factor=0.9),
    gd.ExponentialDecay(0.1, factor=0.97, per="update"),
    gd.InverseScaling(0.1, power=0.5),
    gd.InverseScaling(0.1, power=0.25, per="epoch"),
    gd.Cosine(0.1),
    gd.Cosine(0.1, low=0.02),
    gd.WarmupCosine(0.1, warmup=0.1),
    gd.WarmupCosine(0.1, warmup=0.25, low=0.01),
]
SAMPLINGS = [gd.Batch(), gd.MiniBatch(BATCH_SIZE, shuffle=False)]

CASES: list[Case] = [
    *[Case(rule, gd.Constant(rate), sampling) for rate, rule in SETTINGS for sampling in SAMPLINGS],
    *[Case(rule, gd.Constant(0.1), SAMPLINGS[1], "half_squared_error") for rule in (gd.SGD(), gd.Adam(), gd.Adagrad())],
    *[Case(gd.SGD(momentum=0.5), schedule, SAMPLINGS[1], "half_squared_error") for schedule in SCHEDULES],
    *[Case(gd.Adam(), schedule, SAMPLINGS[1]) for schedule in SCHEDULES],
    *[Case(gd.Rprop(), schedule, SAMPLINGS[0]) for schedule in SCHEDULES[:1]],
]


def make_data() -> dict[str, np.ndarray]:
    """A small regression without an intercept, its columns of unlike size, and a start away from zero."""
    generator = np.random.default_rng(20)
    X = generator.normal(size=(23, 3)) * np.array([1.0, 0.3, 2.0])
    y = X @ np.array([1.0, -2.0, 0.5]) + 0.3 * generator.normal(size=23)
    return {"X": X, "y": y, "start": np.array([0.4, 0.8, -1.5])}


def torch_path(case: Case, data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The parameters before and after each update (UPDATES + 1, 3), and the rate of each update (UPDATES,)."""
    import torch

    before = torch.get_default_dtype()
    # NAdam keeps its product of momenta in the default type
    torch.set_default_dtype(torch.float64)
    try:
        with warnings.catch_warnings():
            # SequentialLR warns about a call of its own
            warnings.simplefilter("ignore")
            return _descend(case, torch.tensor(data["X"]), torch.tensor(data["y"]), torch.tensor(data["start"]))
    finally:
        torch.set_default_dtype(before)


def _descend(case: Case, X: Any, y: Any, theta: Any) -> tuple[np.ndarray, np.ndarray]:
    import torch

    theta.requires_grad_()
    optimizer = make_optimizer(case.rule, theta, case.schedule.learning_rate)
    per_epoch = getattr(case.schedule, "per", "update") == "epoch"
    scheduler = make_scheduler(case.schedule, optimizer)
    factor = 0.5 if case.loss == "half_squared_error" else 1.0
    whole = case.sampling.full
    batches = [slice(None)] if whole else [slice(i, i + BATCH_SIZE) for i in range(0, len(y), BATCH_SIZE)]
    path, rates = [theta.detach().numpy().copy()], []
    for _ in range(UPDATES // len(batches)):
        for batch in batches:
            optimizer.zero_grad()
            loss = factor * torch.nn.functional.mse_loss(X[batch] @ theta, y[batch])
            loss.backward()
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            path.append(theta.detach().numpy().copy())
            if not per_epoch:
                scheduler.step()
        if per_epoch:
            scheduler.step()
    return np.array(path), np.array(rates)


def make_optimizer(rule: Any, theta: Any, rate: float) -> Any:
    """PyTorch's optimiser of the same name, given only what differs from our defaults."""
    import torch

    changed = {
        field.name: getattr(rule, field.name)
        for field in dataclasses.fields(rule)
        if getattr(rule, field.name) != field.default
    }
    name = type(rule).__name__
    if name == "AMSGrad":
        name, changed["amsgrad"] = "Adam", True
    return getattr(torch.optim, name)([theta], lr=rate, **changed)


def make_scheduler(schedule: Any, optimizer: Any) -> Any:
    """PyTorch's own scheduler where it has one, a formula otherwise."""
    from torch.optim import lr_scheduler as torch_schedules

    name = type(schedule).__name__
    if name == "StepDecay":
        return torch_schedules.StepLR(optimizer, schedule.every, gamma=schedule.factor)
    if name == "ExponentialDecay":
        return torch_schedules.ExponentialLR(optimizer, gamma=schedule.factor)
    if name == "Cosine":
        return torch_schedules.CosineAnnealingLR(optimizer, UPDATES, eta_min=schedule.low)
    if name == "WarmupCosine":
        rising = round(schedule.warmup * UPDATES)
        return torch_schedules.SequentialLR(
            optimizer,
            [
                torch_schedules.LinearLR(optimizer, start_factor=1 / rising, total_iters=rising - 1),
                torch_schedules.CosineAnnealingLR(optimizer, UPDATES - rising, eta_min=schedule.low),
            ],
            milestones=[rising],
        )
    power = getattr(schedule, "power", 0.0)
    return torch_schedules.LambdaLR(optimizer, lambda t: (t + 1.0) ** -power)


def torch_defaults() -> dict[str, dict[str, Any]]:
    """The defaults of PyTorch's optimisers, for each of our rules that has one."""
    import torch

    found = {}
    for name, rule in gd.RULES.items():
        twin = getattr(torch.optim, {"AMSGrad": "Adam"}.get(name, name), None)
        if twin is not None:
            parameters = inspect.signature(twin).parameters
            found[name] = {field.name: parameters[field.name].default for field in dataclasses.fields(rule)}
    return found


def main() -> None:
    import torch

    data = make_data()
    arrays = dict(data)
    for i, case in enumerate(CASES):
        path, rates = torch_path(case, data)
        arrays[f"path{i}"] = path
        if not isinstance(case.schedule, gd.Constant):
            arrays[f"rates{i}"] = rates
    version = torch.__version__.split("+")[0]
    about = {"torch": version, "cases": [case.key for case in CASES], "defaults": torch_defaults()}
    np.savez_compressed(STORED, about=np.array(json.dumps(about)), **arrays)
    print(f"{len(CASES)} paths of PyTorch {version} in {STORED.name}, {STORED.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
