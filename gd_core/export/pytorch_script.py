"""The experiment as a PyTorch program: `nn.Module`, `torch.optim` and its schedulers, in float64."""

from __future__ import annotations

import dataclasses

from gd_core.checks import require
from gd_core.descent import Variant
from gd_core.export import surface_scripts
from gd_core.export.data import (
    batches_lines,
    batches_of,
    data_lines,
    preparation_lines,
    start_lines,
    start_of,
)
from gd_core.export.numpy_script import called, rate_formula, report_lines, step_of
from gd_core.export.pieces import Plan, assembled, block, number
from gd_core.regression import Regression
from gd_core.rules import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
    Rule,
)
from gd_core.schedules import (
    Constant,
    Cosine,
    ExactLineSearch,
    ExponentialDecay,
    LineSearch,
    Schedule,
    StepDecay,
)
from gd_core.typed_rules import TypedRule

# rules that torch.optim has, and under which name with which further arguments; their fields are named as its arguments
TORCH_RULES: dict[type[Rule], tuple[str, str]] = {
    kind: (kind.__name__, "")
    for kind in (SGD, Adagrad, RMSprop, Adadelta, Adam, AdamW, Adamax, NAdam, RAdam, Rprop)
} | {AMSGrad: ("Adam", ", amsgrad=True")}  # fmt: skip


def pytorch_script(plan: Plan) -> str:
    """The program: it prints each variant's final parameters, equal to the engine's but for rounding."""
    header = f"# Gradient descent in PyTorch, in float64: modules, autograd and torch.optim.\n# {plan.title}"
    blocks = [
        "torch.set_default_dtype(torch.float64)",
        *(_surface_blocks(plan) if plan.is_surface else _data_blocks(plan)),
        *_search_lines(plan),
        batches_lines(plan),
        *_own_optimizers(plan),
        _loop(plan),
        report_lines(),
        *(_variant(plan, i) for i in range(len(plan.variants))),
    ]
    return assembled(header, blocks, ["import numpy as np", "import torch", "from torch import nn"])


def _data_blocks(plan: Plan) -> list[str]:
    tensors = "features, targets = torch.tensor(Z), torch.tensor(y)"
    return [
        "# The data\n\n" + data_lines(plan),
        _preparation(plan) + f"\n{tensors}\nnames = {plan.names()}",
        start_lines(plan),
        _model_lines(plan.problem),
        _objective_lines(plan.problem),
    ]


def _surface_blocks(plan: Plan) -> list[str]:
    return [
        surface_scripts.value_lines(plan.surface, "torch"),
        surface_scripts.noise_lines(plan.surface),
        surface_scripts.torch_model_lines(plan.surface),
        f"names = {plan.names()}",
    ]


def _preparation(plan: Plan) -> str:
    """As in NumPy, but the intercept is the layer's own bias."""
    return "\n".join(line for line in preparation_lines(plan).split("\n") if "np.ones(len(Z))" not in line)


def _has_bias(problem: Regression) -> bool:
    return problem.predictor.linear and problem.intercept


# the model


def _model_lines(problem: Regression) -> str:
    if problem.model in ("sinusoid", "tanh"):
        bend = "sin" if problem.model == "sinusoid" else "tanh"
        return block(f'''
            class Bent(nn.Module):
                """a {bend}(w x)."""

                def __init__(self):
                    super().__init__()
                    self.a, self.w = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

                def forward(self, x):
                    return self.a * torch.{bend}(self.w * x[:, 0])


            {_built("Bent()")}
        ''')
    n = problem.features.shape[1]
    if problem.model == "mlp":
        layers = f"nn.Linear({n}, {problem.hidden}), nn.Tanh(), nn.Linear({problem.hidden}, 1), nn.Flatten(0)"
        return block(_built(f"nn.Sequential({layers})"))
    inputs = n - problem.first_penalised
    bias = "" if problem.intercept else ", bias=False"
    return block(_built(f"nn.Sequential(nn.Linear({inputs}, 1{bias}), nn.Flatten(0))", move_bias=problem.intercept))


def _built(model: str, *, move_bias: bool = False) -> str:
    value = "np.r_[theta[1:], theta[0]]" if move_bias else "theta"
    result = "np.r_[theta[-1], theta[:-1]]" if move_bias else "theta"
    note = "; the layer keeps its bias last" if move_bias else ""
    return f'''
            def model_at(theta):
                """The model with the given parameters{note}."""
                model = {model}
                nn.utils.vector_to_parameters(torch.tensor({value}), model.parameters())
                return model


            def theta_of(model):
                """The model's parameters in one array."""
                theta = nn.utils.parameters_to_vector(model.parameters()).detach().numpy()
                return {result if move_bias else "theta.copy()"}
        '''


def _objective_lines(problem: Regression) -> str:
    criterion = {
        "half_squared_error": "nn.MSELoss()(model(features), targets) / 2",
        "squared_error": "nn.MSELoss()(model(features), targets)",
        "huber": f"nn.HuberLoss(delta={problem.huber_delta!r})(model(features), targets)",
        "absolute_error": "nn.L1Loss()(model(features), targets)",
        "log_cosh": "(size + nn.functional.softplus(-2 * size) - np.log(2)).mean()",
    }
    require(problem.loss in criterion, "no script knows the loss {!r}", problem.loss)
    penalty = ""
    if problem.l2 and problem.predictor.linear:
        penalty = f" + {problem.l2!r} / 2 * model[0].weight.square().sum()"
        penalty += "  # not the bias" if problem.intercept else ""
    elif problem.l2:
        penalty = f" + {problem.l2!r} / 2 * sum(p.square().sum() for p in model.parameters())"
    half = "; MSELoss has no half, so its gradient is twice as long" if problem.loss == "half_squared_error" else ""
    lines = [
        "def objective(model, features, targets):",
        f'    """The mean {problem.loss_title}{half}."""',
        *(["    size = (model(features) - targets).abs()"] if problem.loss == "log_cosh" else []),
        f"    return {criterion[problem.loss]}{penalty}",
    ]
    return "\n".join(lines)


# the optimizers and their rates


def _own_optimizers(plan: Plan) -> list[str]:
    """A `torch.optim.Optimizer` around the engine's step for each rule that PyTorch does not have."""
    texts: dict[str, str] = {}
    for variant in plan.variants:
        rule = variant.rule
        if type(rule) in TORCH_RULES:
            continue
        name, step, _ = step_of(rule)
        own = _class_name(rule)
        text = block(f'''
            class {own}(torch.optim.Optimizer):
                """A rule that torch.optim does not have: its step, on all parameters as one array."""

                def __init__(self, params, lr, hyper):
                    super().__init__(params, {{"lr": lr}})
                    self.hyper, self.slots, self.update = hyper, None, 0

                @torch.no_grad()
                def step(self):
                    (group,) = self.param_groups
                    theta = nn.utils.parameters_to_vector(group["params"])
                    gradient = nn.utils.parameters_to_vector([p.grad for p in group["params"]])
                    if self.slots is None:
                        self.slots = np.zeros(({max(rule.slots, 1)}, theta.numel()))
                    self.update += 1
                    {name}(theta.numpy(), gradient.numpy(), self.slots, self.hyper, self.update, group["lr"])
                    nn.utils.vector_to_parameters(theta, group["params"])
        ''')
        texts[own] = f"{step}\n\n\n{text}"
    return list(texts.values())


def _class_name(rule: Rule) -> str:
    """What the script calls the optimizer of a rule that PyTorch does not have; each typed rule has its own."""
    return (
        step_of(rule)[0].removesuffix("_step").title().replace("_", "")
        if isinstance(rule, TypedRule)
        else (type(rule).__name__)
    )


def _optimizer(variant: Variant, rate: float) -> str:
    rule = variant.rule
    if type(rule) not in TORCH_RULES:
        return f"{_class_name(rule)}(model.parameters(), lr={rate!r}, hyper={step_of(rule)[2]!r})"
    name, further = TORCH_RULES[type(rule)]
    # what is not said is the default, which the rules have in common with torch.optim
    said = "".join(
        f", {field.name}={getattr(rule, field.name)!r}"
        for field in dataclasses.fields(rule)
        if getattr(rule, field.name) != field.default
    )
    return f"torch.optim.{name}(model.parameters(), lr={rate!r}{said}{further})"


def _scheduler(schedule: Schedule, total: int, per_epoch: int) -> tuple[str, str]:
    """The scheduler's code, and whether it steps after an "update" or an "epoch"; nothing for a constant rate."""
    per = str(getattr(schedule, "per", "update"))
    match schedule:
        case Constant() | LineSearch() | ExactLineSearch():
            return "None", "update"
        case StepDecay():
            return f"schedulers.StepLR(optimizer, step_size={schedule.every}, gamma={schedule.factor!r})", per
        case ExponentialDecay():
            return f"schedulers.ExponentialLR(optimizer, gamma={schedule.factor!r})", per
        case Cosine():
            low = f", eta_min={schedule.low!r}" if schedule.low else ""
            return f"schedulers.CosineAnnealingLR(optimizer, T_max={max(total, 1)}{low})", "update"
    # torch has no such scheduler: the optimizer's rate is 1, and the formula gives the rate itself
    return f"schedulers.LambdaLR(optimizer, lambda t: {rate_formula(schedule, total, per_epoch)})", "update"


def _by_formula(schedule: Schedule) -> bool:
    return not isinstance(schedule, Constant | StepDecay | ExponentialDecay | Cosine | LineSearch | ExactLineSearch)


def _search_lines(plan: Plan) -> list[str]:
    texts = []
    if "LineSearch" in plan.searches:
        texts.append(
            block('''
            @torch.no_grad()
            def line_search(model, rate, shrink, sufficient):
                """Armijo: shrink the rate until the loss falls by the demanded share of what the gradient promises."""
                theta = nn.utils.parameters_to_vector(model.parameters())
                g = nn.utils.parameters_to_vector([p.grad for p in model.parameters()])
                here, promised, found = objective(model, features, targets), sufficient * g @ g, None
                for _ in range(200):
                    nn.utils.vector_to_parameters(theta - rate * g, model.parameters())
                    if objective(model, features, targets) <= here - rate * promised:
                        found = rate
                        break
                    rate *= shrink
                nn.utils.vector_to_parameters(theta, model.parameters())
                return found  # None: no decrease is left to be found
            ''')
        )
    if "ExactLineSearch" in plan.searches:
        texts.append(
            block('''
            def exact_line_search(model):
                """The minimiser along the gradient of a quadratic loss: g'g / g'Hg."""
                parameters = list(model.parameters())
                gradients = torch.autograd.grad(objective(model, features, targets), parameters, create_graph=True)
                g = nn.utils.parameters_to_vector(gradients)
                products = torch.autograd.grad(g @ g.detach(), parameters)
                bend = nn.utils.parameters_to_vector(products) @ g
                return (g @ g / bend).item() if bend > 0 else None
            ''')
        )
    if plan.is_surface:
        texts = [text.replace("objective(model, features, targets)", "objective(model)") for text in texts]
    return texts


# the loop


def _loop(plan: Plan) -> str:
    budget = plan.experiment.budget
    batch = any(variant.sampling.full for variant in plan.variants)
    drawn = any(not variant.sampling.full for variant in plan.variants)
    scheduled = any(_scheduler(v.schedule, 1, 1)[0] != "None" for v in plan.variants)
    tolerances = budget.gradient_tolerance > 0 or budget.loss_tolerance > 0
    arguments = ["model", "optimizer", "batches", "updates"]
    arguments += ["scheduler=None", "steps_after=1"] if scheduled else []
    arguments += ["per_epoch=1"] if tolerances else []
    arguments += ["search=None"] if plan.searches else []
    lines = [
        f"def train(model, {', '.join(arguments[1:])}):",
        '    """Forward, backward, step, again and again; stop where the parameters run away. Returns them."""',
        "    start = theta = theta_of(model)",
    ]
    if budget.loss_tolerance > 0:
        lines.append("    last_loss = objective(model, features, targets).item()")
    lines += [
        "    for update, rows in zip(range(1, updates + 1), batches):",
        "        optimizer.zero_grad()",
        f"        objective({'model' if plan.is_surface else 'model, features[rows], targets[rows]'}).backward()",
    ]
    if plan.is_surface and plan.surface.noise:
        lines += ["        if rows is not None:", "            model[0].grad += torch.tensor(noise[rows].mean(axis=0))"]
    norm = "nn.utils.parameters_to_vector([p.grad for p in model.parameters()]).norm()"
    if budget.gradient_tolerance > 0 and batch:
        guard = "per_epoch == 1 and " if drawn else ""
        lines += [
            f"        if {guard}{norm} <= {number(budget.gradient_tolerance)}:",
            "            return theta  # converged",
        ]
    if plan.searches:
        lines += [
            "        if search is not None:",
            "            rate = search(model)",
            "            if rate is None:",
            "                return theta",
            '            optimizer.param_groups[0]["lr"] = rate',
        ]
    lines += ["        optimizer.step()"]
    if scheduled:
        lines += ["        if scheduler is not None and update % steps_after == 0:", "            scheduler.step()"]
    lines += [
        "        previous, theta = theta, theta_of(model)",
        f"        if not {'objective(model).isfinite()' if plan.is_surface else 'np.isfinite(theta).all()'}:",
        "            return previous  # diverged",
        f"        if np.abs(theta - start).max() > {number(budget.divergence)}:",
        "            return theta  # diverged",
    ]
    if budget.gradient_tolerance > 0 and drawn:
        guard = "per_epoch > 1 and " if batch else ""
        lines += [
            f"        if {guard}update % per_epoch == 0:",
            "            optimizer.zero_grad()",
            "            objective(model, features, targets).backward()",
            f"            if {norm} <= {number(budget.gradient_tolerance)}:",
            "                return theta  # converged",
        ]
    if budget.loss_tolerance > 0:
        lines += [
            "        if update % per_epoch == 0:",
            "            this_loss = objective(model, features, targets).item()",
            f"            if abs(this_loss - last_loss) <= {number(budget.loss_tolerance)}:",
            "                return theta  # converged",
            "            last_loss = this_loss",
        ]
    if plan.is_surface:
        lines = [line.replace("objective(model, features, targets)", "objective(model)") for line in lines]
    return "\n".join([*lines, "    return theta"])


def _variant(plan: Plan, index: int) -> str:
    variant = plan.variants[index]
    schedule, total, per_epoch = variant.schedule, plan.total(variant), plan.per_epoch(variant)
    rate = 1.0 if _by_formula(schedule) else float(getattr(schedule, "learning_rate", 1.0))
    scheduler, after = _scheduler(schedule, total, per_epoch)
    call = [f"model = model_at({start_of(plan, index)})", f"optimizer = {_optimizer(variant, rate)}"]
    arguments = ["model, optimizer", f"batches={batches_of(plan, index)}", f"updates={total}"]
    if scheduler != "None":
        call.append(f"scheduler = {scheduler.replace('schedulers.', 'torch.optim.lr_scheduler.')}")
        arguments.append("scheduler=scheduler")
        if after == "epoch" and per_epoch > 1:
            arguments.append(f"steps_after={per_epoch}")
    budget = plan.experiment.budget
    if (budget.gradient_tolerance > 0 or budget.loss_tolerance > 0) and not variant.sampling.full:
        arguments.append(f"per_epoch={per_epoch}")
    if isinstance(schedule, LineSearch):
        settings = f"{schedule.learning_rate!r}, {schedule.shrink!r}, {schedule.sufficient!r}"
        arguments.append(f"search=lambda model: line_search(model, {settings})")
    elif isinstance(schedule, ExactLineSearch):
        arguments.append("search=exact_line_search")
    call.append(f"theta = train({', '.join(arguments)})")
    if len(call[-1]) > 100:
        call[-1:] = ["theta = train(", *(f"    {argument}," for argument in arguments), ")"]
    return called(plan, index, call, "theta")
