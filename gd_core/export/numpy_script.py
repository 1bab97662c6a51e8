"""The experiment as a NumPy program: the model's gradient, the rules' recurrences and one loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

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
from gd_core.export.formulas import code, safe_names
from gd_core.export.pieces import Plan, assembled, block, listed, number, public_name, quoted, source_of
from gd_core.regression import Regression
from gd_core.rules import SGD, Rule
from gd_core.schedules import (
    Constant,
    Cosine,
    ExactLineSearch,
    ExponentialDecay,
    InverseScaling,
    LineSearch,
    Schedule,
    StepDecay,
    WarmupCosine,
)
from gd_core.typed_rules import TypedRule

# rates of a schedule that has no formula here are written out, and that ends somewhere
MOST_RATES = 5000


def numpy_script(plan: Plan) -> str:
    """The program: it prints each variant's final parameters, equal to the engine's but for rounding."""
    header = f"# Gradient descent in NumPy: the loop, the gradient and the update written out.\n# {plan.title}"
    blocks = [
        *(_surface_blocks(plan) if plan.is_surface else _data_blocks(plan)),
        *search_lines(plan),
        batches_lines(plan),
        *step_lines(plan.variants),
        _loop(plan),
        report_lines(),
        *(_variant(plan, i) for i in range(len(plan.variants))),
    ]
    return assembled(header, blocks, ["import numpy as np"])


def _data_blocks(plan: Plan) -> list[str]:
    return [
        "# The data\n\n" + data_lines(plan),
        preparation_lines(plan) + f"\nnames = {plan.names()}",
        start_lines(plan),
        gradient_lines(plan.problem),
        loss_lines(plan.problem) if _needs_loss(plan) else "",
    ]


def _surface_blocks(plan: Plan) -> list[str]:
    loss = "def loss(theta):\n    return value(theta)" if _needs_loss(plan) else ""
    return [
        surface_scripts.value_lines(plan.surface, "np"),
        surface_scripts.noise_lines(plan.surface),
        surface_scripts.gradient_lines(plan.surface),
        loss,
        f"names = {plan.names()}",
    ]


# the model


def slope_of(problem: Regression) -> str:
    """An expression for the loss's derivative in terms of `error`."""
    slopes = {
        "half_squared_error": "error",
        "squared_error": "2 * error",
        "huber": f"np.clip(error, -{problem.huber_delta!r}, {problem.huber_delta!r})",
        "absolute_error": "np.sign(error)",
        "log_cosh": "np.tanh(error)",
    }
    require(problem.loss in slopes, "no script knows the loss {!r}", problem.loss)
    return slopes[problem.loss]


def _penalty(problem: Regression) -> str:
    if not problem.l2:
        return ""
    shielded = f"np.r_[0.0, {problem.l2!r} * theta[1:]]  # not the intercept"
    return f" + {shielded}" if problem.first_penalised else f" + {problem.l2!r} * theta"


def gradient_lines(problem: Regression) -> str:
    """Code of gradient(theta, Z, y)."""
    known = ("linear", "sinusoid", "tanh", "mlp")
    require(problem.model in known, "no script knows the model {!r}", problem.model)
    slope, penalty = slope_of(problem), _penalty(problem)
    head = [
        "def gradient(theta, Z, y):",
        f'    """The gradient of the mean {problem.loss_title} over the given rows."""',
    ]
    if problem.model == "linear":
        error = ["    error = Z @ theta - y"]
        if slope == "error":
            return "\n".join([*head, *error, f"    return Z.T @ error / len(y){penalty}"])
        return "\n".join([*head, *error, f"    slope = {slope}", f"    return Z.T @ slope / len(y){penalty}"])
    if problem.model in ("sinusoid", "tanh"):
        bend = "np.sin(w * x)" if problem.model == "sinusoid" else "np.tanh(w * x)"
        inner = "np.cos(w * x)" if problem.model == "sinusoid" else "(1 - bend**2)"
        lines = [
            "    (a, w), x = theta, Z[:, 0]",
            f"    bend = {bend}",
            "    error = a * bend - y",
            f"    slope = {slope}",
            f"    return np.array([np.mean(slope * bend), np.mean(slope * a * x * {inner})]){penalty}",
        ]
        return "\n".join([*head, *lines])
    lines = [
        "    W, b, v, c = unpacked(theta)",
        "    hidden = np.tanh(Z @ W.T + b)",
        "    error = hidden @ v + c - y",
        f"    slope = ({slope}) / len(y)",
        "    back = np.outer(slope, v) * (1 - hidden**2)",
        "    parts = [(back.T @ Z).ravel(), back.sum(axis=0), hidden.T @ slope, [slope.sum()]]",
        f"    return np.concatenate(parts){penalty}",
    ]
    return "\n".join([_unpacked(problem), "", "", *head, *lines])


def _unpacked(problem: Regression) -> str:
    n, units = problem.features.shape[1], problem.hidden
    return block(f'''
        def unpacked(theta):
            """The hidden layer's weights and biases, the output's weights and bias."""
            W, b, v, c = np.split(theta, [{n * units}, {n * units + units}, {n * units + 2 * units}])
            return W.reshape({units}, {n}), b, v, c
    ''')


def loss_lines(problem: Regression) -> str:
    """Code of loss(theta): the objective over all rows."""
    each = {
        "half_squared_error": "error**2 / 2",
        "squared_error": "error**2",
        "huber": "np.where(size <= {0}, size**2 / 2, {0} * (size - {0} / 2))".format(repr(problem.huber_delta)),
        "absolute_error": "size",
        "log_cosh": "size + np.log1p(np.exp(-2 * size)) - np.log(2)",
    }[problem.loss]
    prediction = {
        "linear": ["    error = Z @ theta - y"],
        "sinusoid": ["    error = theta[0] * np.sin(theta[1] * Z[:, 0]) - y"],
        "tanh": ["    error = theta[0] * np.tanh(theta[1] * Z[:, 0]) - y"],
        "mlp": ["    W, b, v, c = unpacked(theta)", "    error = np.tanh(Z @ W.T + b) @ v + c - y"],
    }[problem.model]
    pulled = f"theta[{problem.first_penalised}:]" if problem.first_penalised else "theta"
    penalty = f" + {problem.l2!r} / 2 * np.sum({pulled} ** 2)" if problem.l2 else ""
    lines = [
        "def loss(theta):",
        f'    """The mean {problem.loss_title} over all rows{", with its penalty" if problem.l2 else ""}."""',
        *prediction,
        *(["    size = np.abs(error)"] if "size" in each else []),
        f"    return np.mean({each}){penalty}",
    ]
    return "\n".join(lines)


def _needs_loss(plan: Plan) -> bool:
    return plan.experiment.budget.loss_tolerance > 0 or "LineSearch" in plan.searches


# the rate


def rate_of(plan: Plan, variant: Variant) -> str:
    """An expression for the rate as a function of t, the updates done so far."""
    schedule, total, per_epoch = variant.schedule, plan.total(variant), plan.per_epoch(variant)
    if isinstance(schedule, LineSearch):
        return (
            f"lambda t, theta, g: line_search(theta, g, {schedule.learning_rate!r}, "
            f"{schedule.shrink!r}, {schedule.sufficient!r})"
        )
    if isinstance(schedule, ExactLineSearch):
        return "lambda t, theta, g: exact_line_search(g)"
    arguments = "t, theta, g" if plan.searches else "t"
    return f"lambda {arguments}: {rate_formula(schedule, total, per_epoch)}"


def rate_formula(schedule: Schedule, total: int, per_epoch: int) -> str:
    """An expression for the rate in t, the updates done so far."""
    t = f"(t // {per_epoch})" if getattr(schedule, "per", "update") == "epoch" and per_epoch > 1 else "t"
    rate = repr(getattr(schedule, "learning_rate", None))
    match schedule:
        case Constant():
            return rate
        case StepDecay():
            return f"{rate} * {schedule.factor!r} ** ({t} // {schedule.every})"
        case ExponentialDecay():
            return f"{rate} * {schedule.factor!r} ** {t}"
        case InverseScaling():
            return f"{rate} / ({t} + 1) ** {schedule.power!r}"
        case Cosine():
            return _between(schedule.low, rate, f"(1 + math.cos(math.pi * t / {max(total, 1)})) / 2")
        case WarmupCosine():
            rising = -int(-schedule.warmup * total // 1)
            rest = max(total - rising, 1)
            wave = f"(1 + math.cos(math.pi * (t - {rising}) / {rest})) / 2"
            fall = _between(schedule.low, rate, wave)
            return f"{rate} * (t + 1) / {rising} if t < {rising} else {fall}" if rising else fall
    return _written_rates(schedule, total, per_epoch)


def _between(low: float, high: str, share: str) -> str:
    return f"{low!r} + ({high} - {low!r}) * {share}" if low else f"{high} * {share}"


def _written_rates(schedule: Schedule, total: int, per_epoch: int) -> str:
    import numpy as np

    if total > MOST_RATES:
        raise ValueError(f"{type(schedule).__name__} has no formula for a script, and {total:,} rates are too many")
    return f"{listed(schedule.rates(np.arange(total), total, per_epoch).tolist())}[t]"


def search_lines(plan: Plan) -> list[str]:
    """Code of the line searches that the variants use."""
    texts = []
    if "LineSearch" in plan.searches:
        texts.append(
            block('''
            def line_search(theta, g, rate, shrink, sufficient):
                """Armijo: shrink the rate until the loss falls by the demanded share of what the gradient promises."""
                here, promised = loss(theta), sufficient * g @ g
                for _ in range(200):
                    if loss(theta - rate * g) <= here - rate * promised:
                        return rate
                    rate *= shrink
                return None  # no decrease is left to be found
            ''')
        )
    if "ExactLineSearch" in plan.searches and plan.is_surface:
        quadratic = plan.surface.quadratic
        require(quadratic is not None, "ExactLineSearch needs a quadratic surface")
        assert quadratic is not None
        texts.append(
            "\n".join(
                [
                    "def exact_line_search(g):",
                    '    """The minimiser along the gradient of a quadratic surface: g\'g / g\'Hg."""',
                    f"    bend = g @ np.array({quadratic.hessian.tolist()!r}) @ g",
                    "    return g @ g / bend if bend > 0 else None",
                ]
            )
        )
    elif "ExactLineSearch" in plan.searches:
        curvature = plan.problem.loss_function.curvature
        factor = "" if curvature == 1.0 else f"{curvature!r} * "
        bend = f"{factor}np.mean((Z @ g) ** 2)"
        if plan.problem.l2:
            pulled = f"g[{plan.problem.first_penalised}:]" if plan.problem.first_penalised else "g"
            bend += f" + {plan.problem.l2!r} * np.sum({pulled} ** 2)"
        lines = [
            "def exact_line_search(g):",
            '    """The minimiser along the gradient of a quadratic loss: g\'g / g\'Hg."""',
            f"    bend = {bend}",
            "    return g @ g / bend if bend > 0 else None",
        ]
        texts.append("\n".join(lines))
    return texts


# the rules

PLAIN = '''
def plain_step(theta, gradient, state, hyper, update, rate):
    """Against the gradient."""
    theta -= rate * gradient
'''
MOMENTUM = '''
def momentum_step(theta, gradient, state, hyper, update, rate):
    """Heavy ball: along a velocity, which remembers past gradients."""
    (mu, dampening), velocity = hyper, state[0]
    velocity[:] = gradient if update == 1 else mu * velocity + (1 - dampening) * gradient
    theta -= rate * velocity
'''
NESTEROV = '''
def nesterov_step(theta, gradient, state, hyper, update, rate):
    """Nesterov: along the velocity, corrected by the gradient."""
    (mu,), velocity = hyper, state[0]
    velocity[:] = gradient if update == 1 else mu * velocity + gradient
    theta -= rate * (gradient + mu * velocity)
'''


def step_of(rule: Rule) -> tuple[str, str, list[float]]:
    """A rule's step in a script: its name, its code and its hyperparameters."""
    if isinstance(rule, SGD) and not rule.weight_decay:
        if rule.nesterov:
            return "nesterov_step", NESTEROV.strip("\n"), [rule.momentum]
        if rule.momentum:
            return "momentum_step", MOMENTUM.strip("\n"), [rule.momentum, rule.dampening]
        return "plain_step", PLAIN.strip("\n"), []
    if isinstance(rule, TypedRule):
        name = f"typed_{hashlib.sha256(rule.text.encode()).hexdigest()[:4]}_step"
        return name, typed_step(rule, name), []
    step: Callable[..., None] = type(rule).step
    name = f"{public_name(step)}_step"
    return name, source_of(step, name), rule.hyper().tolist()[:-1]


def typed_step(rule: TypedRule, name: str) -> str:
    """The step of a rule that a person typed, line by line, for all parameters at once."""
    taken = {"np", "math", "itertools", "state", "hyper", "gradient", "update", "rate", "torch", "nn"}
    names = safe_names(list(rule.names), taken)
    lines = [
        f"def {name}(theta, gradient, state, hyper, update, rate):",
        '    """A typed rule."""',
        f"    {names['g']}, {names['lr']}, {names['t']}, {names['theta']}_now = gradient, rate, update, theta",
    ]
    kept = {original: chosen for original, chosen in names.items() if original not in ("theta", "g", "lr", "t")}
    names["theta"] += "_now"
    lines += [f"    {chosen} = state[{i}].copy()" for i, chosen in enumerate(kept.values())]
    lines += [f"    {names[target]} = {code(tree, 'np', names)}" for target, tree in rule.lines]
    lines += [f"    state[{i}] = {chosen}" for i, chosen in enumerate(kept.values())]
    return "\n".join([*lines, f"    theta[:] = {names['theta']}"])


def step_lines(variants: Sequence[Variant]) -> list[str]:
    """Code of the steps, each once; none where every rule is plain."""
    if all(_is_plain(variant.rule) for variant in variants):
        return []
    found: dict[str, str] = {}
    for variant in variants:
        name, text, _ = step_of(variant.rule)
        require(found.setdefault(name, text) == text, "two rules have a step of the same name, {!r}", name)
    return list(found.values())


def _is_plain(rule: Rule) -> bool:
    return isinstance(rule, SGD) and rule.plain


# the loop


def _loop(plan: Plan) -> str:
    budget = plan.experiment.budget
    plain = all(_is_plain(variant.rule) for variant in plan.variants)
    batch = any(variant.sampling.full for variant in plan.variants)
    drawn = any(not variant.sampling.full for variant in plan.variants)
    tolerances = budget.gradient_tolerance > 0 or budget.loss_tolerance > 0
    arguments = ["theta", *([] if plain else ["step", "hyper", "slots"]), "rate", "batches", "updates"]
    arguments += ["per_epoch"] if tolerances else []
    lines = [
        f"def descend({', '.join(arguments)}):",
        '    """Take the gradient and step against it, again and again; stop where the parameters run away."""',
        "    start = theta.copy()",
    ]
    if not plain:
        lines.append("    state = np.zeros((slots, theta.size))")
    if budget.loss_tolerance > 0:
        lines.append("    last_loss = loss(theta)")
    lines += [
        "    for update, rows in zip(range(1, updates + 1), batches):",
        f"        g = {'gradient(theta, rows)' if plan.is_surface else 'gradient(theta, Z[rows], y[rows])'}",
    ]
    if budget.gradient_tolerance > 0 and batch:
        test = f"np.linalg.norm(g) <= {number(budget.gradient_tolerance)}"
        lines += [
            f"        if {'per_epoch == 1 and ' if drawn else ''}{test}:",
            "            return theta  # converged",
        ]
    rate = "rate(update - 1, theta, g)" if plan.searches else "rate(update - 1)"
    if plan.searches:
        lines += [f"        eta = {rate}", "        if eta is None:", "            return theta"]
        rate = "eta"
    if plain:
        lines += [f"        previous, theta = theta, theta - {rate} * g"]
    else:
        lines += ["        previous = theta.copy()", f"        step(theta, g, state, hyper, update, {rate})"]
    lines += [
        f"        if not {'np.isfinite(value(theta))' if plan.is_surface else 'np.isfinite(theta).all()'}:",
        "            return previous  # diverged",
        f"        if np.abs(theta - start).max() > {number(budget.divergence)}:",
        "            return theta  # diverged",
    ]
    if budget.gradient_tolerance > 0 and drawn:
        exact = "gradient(theta, None)" if plan.is_surface else "gradient(theta, Z, y)"
        test = f"np.linalg.norm({exact}) <= {number(budget.gradient_tolerance)}"
        guard = "per_epoch > 1 and " if batch else ""
        lines += [f"        if {guard}update % per_epoch == 0 and {test}:", "            return theta  # converged"]
    if budget.loss_tolerance > 0:
        lines += [
            "        if update % per_epoch == 0:",
            "            this_loss = loss(theta)",
            f"            if abs(this_loss - last_loss) <= {number(budget.loss_tolerance)}:",
            "                return theta  # converged",
            "            last_loss = this_loss",
        ]
    return "\n".join([*lines, "    return theta"])


def report_lines(*, may_be_none: bool = False) -> str:
    """Code of report(label, theta)."""
    lines = [
        "def report(label, theta):",
        '    """Print the final parameters, every digit of them."""',
        "    print(label)",
        *(["    if theta is None:", '        return print("    diverged")'] if may_be_none else []),
        "    for value, name in zip(theta, names):",
        '        print(f"    {float(value)!r}  {name}")',
    ]
    return "\n".join(lines)


def _variant(plan: Plan, index: int) -> str:
    variant = plan.variants[index]
    arguments = [start_of(plan, index)]
    if not all(_is_plain(v.rule) for v in plan.variants):
        name, _, hyper = step_of(variant.rule)
        arguments += [f"step={name}", f"hyper={hyper!r}", f"slots={max(variant.rule.slots, 1)}"]
    arguments += [
        f"rate={rate_of(plan, variant)}",
        f"batches={batches_of(plan, index)}",
        f"updates={plan.total(variant)}",
    ]
    budget = plan.experiment.budget
    if budget.gradient_tolerance > 0 or budget.loss_tolerance > 0:
        arguments.append(f"per_epoch={plan.per_epoch(variant)}")
    call = ["theta = descend(", *(f"    {argument}," for argument in arguments), ")"]
    return called(plan, index, call, "theta")


def called(plan: Plan, index: int, call: Sequence[str], result: str) -> str:
    """The lines that run one variant, for each of its seeds, and report it."""
    label, seeds, first = plan.labels[index], plan.experiment.seeds, plan.variants[index].seed
    title = f"# Variant {index + 1}: {quoted(label)}"
    if seeds == 1:
        return "\n".join([title, *call, f"report({quoted(label)}, {result})"])
    return "\n".join(
        [
            title,
            f"for seed in range({first}, {first + seeds}):",
            *(f"    {line}" for line in call),
            f'    report({quoted(label)} + f", seed {{seed}}", {result})',
        ]
    )
