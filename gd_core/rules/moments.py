"""Adam and its relatives: momentum over a running size of the gradient, both corrected for their start at zero."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gd_core.checks import setting
from gd_core.rules.base import Rule


def adam(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Momentum over a running root mean square, both corrected for their start at zero."""
    beta1, beta2, eps, weight_decay = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = state[0], state[1]
    correction1 = 1.0 - beta1 ** float(update)
    correction2 = math.sqrt(1.0 - beta2 ** float(update))
    for j in range(theta.size):
        g = gradient[j] + weight_decay * theta[j]
        first[j] += (1.0 - beta1) * (g - first[j])
        second[j] = beta2 * second[j] + (1.0 - beta2) * g * g
        theta[j] -= rate / correction1 * first[j] / (math.sqrt(second[j]) / correction2 + eps)


@dataclass(frozen=True, kw_only=True)
class Adam(Rule, step=adam, slot_names=("first moment", "second moment")):
    r"""m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  theta <- theta - eta m^ / (sqrt(v^) + eps).

    m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t) correct for the start at zero.

    Kingma and Ba, 2015; the convention is ``torch.optim.Adam``.
    """

    betas: tuple[float, float] = setting((0.9, 0.999), least=0, below=1, help="memory of the first and second moment")
    eps: float = setting(1e-8, least=0, help="keeps the division away from zero")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")


def adamw(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Adam whose weight decay shrinks the parameters and stays out of the moments."""
    beta1, beta2, eps, weight_decay = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = state[0], state[1]
    correction1 = 1.0 - beta1 ** float(update)
    correction2 = math.sqrt(1.0 - beta2 ** float(update))
    for j in range(theta.size):
        g = gradient[j]
        theta[j] *= 1.0 - rate * weight_decay
        first[j] += (1.0 - beta1) * (g - first[j])
        second[j] = beta2 * second[j] + (1.0 - beta2) * g * g
        theta[j] -= rate / correction1 * first[j] / (math.sqrt(second[j]) / correction2 + eps)


@dataclass(frozen=True, kw_only=True)
class AdamW(Rule, step=adamw, slot_names=("first moment", "second moment")):
    r"""theta <- (1 - eta lambda) theta, then Adam's step without weight decay in the gradient.

    lambda is ``weight_decay``; note its default, 0.01, which moves the minimum that is reached.

    Loshchilov and Hutter, 2019; the convention is ``torch.optim.AdamW``.
    """

    betas: tuple[float, float] = setting((0.9, 0.999), least=0, below=1, help="memory of the first and second moment")
    eps: float = setting(1e-8, least=0, help="keeps the division away from zero")
    weight_decay: float = setting(0.01, least=0, help="the share of every parameter that a step of rate 1 takes off")


def adamax(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Momentum over the largest recent gradient of each coordinate."""
    beta1, beta2, eps, weight_decay = hyper[0], hyper[1], hyper[2], hyper[3]
    first, largest = state[0], state[1]
    corrected = rate / (1.0 - beta1 ** float(update))
    for j in range(theta.size):
        g = gradient[j] + weight_decay * theta[j]
        first[j] += (1.0 - beta1) * (g - first[j])
        largest[j] = max(beta2 * largest[j], abs(g) + eps)
        theta[j] -= corrected * first[j] / largest[j]


@dataclass(frozen=True, kw_only=True)
class Adamax(Rule, step=adamax, slot_names=("first moment", "largest gradient")):
    r"""m <- b1 m + (1 - b1) g;  u <- max(b2 u, |g| + eps);  theta <- theta - eta / (1 - b1^t) m / u.

    Kingma and Ba, 2015, section 7.1; the convention is ``torch.optim.Adamax``.
    """

    betas: tuple[float, float] = setting((0.9, 0.999), least=0, below=1, help="memory of the mean and of the largest")
    eps: float = setting(1e-8, least=0, help="keeps the division away from zero")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")


def nadam(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Adam with Nesterov's look ahead, and a momentum that grows from half of b1 to b1."""
    beta1, beta2, eps, weight_decay = hyper[0], hyper[1], hyper[2], hyper[3]
    momentum_decay, decoupled = hyper[4], hyper[5]
    first, second, product = state[0], state[1], state[2]
    correction2 = 1.0 - beta2 ** float(update)
    momentum = beta1 * (1.0 - 0.5 * 0.96 ** (update * momentum_decay))
    ahead = beta1 * (1.0 - 0.5 * 0.96 ** ((update + 1) * momentum_decay))
    for j in range(theta.size):
        # a product starts at 1, and the state at 0
        product[j] = momentum if update == 1 else product[j] * momentum
        g = gradient[j]
        if decoupled != 0.0:
            theta[j] *= 1.0 - rate * weight_decay
        else:
            g = g + weight_decay * theta[j]
        first[j] += (1.0 - beta1) * (g - first[j])
        second[j] = beta2 * second[j] + (1.0 - beta2) * g * g
        size = math.sqrt(second[j] / correction2) + eps
        theta[j] -= rate * (1.0 - momentum) / (1.0 - product[j]) * g / size
        theta[j] -= rate * ahead / (1.0 - product[j] * ahead) * first[j] / size


@dataclass(frozen=True, kw_only=True)
class NAdam(Rule, step=nadam, slot_names=("first moment", "second moment", "product of momenta")):
    r"""theta <- theta - eta / (sqrt(v^) + eps) ((1 - mu_t) g / (1 - P_t) + mu_{t+1} m / (1 - P_{t+1})).

    m, v and v^ as in Adam; mu_t = b1 (1 - 0.96^(t psi) / 2) with psi the ``momentum_decay``; P_t = mu_1 ... mu_t.
    ``decoupled_weight_decay`` shrinks theta as AdamW does; otherwise weight decay is added to the gradient.

    Dozat, 2016; the convention is ``torch.optim.NAdam``.
    """

    betas: tuple[float, float] = setting((0.9, 0.999), least=0, below=1, help="memory of the first and second moment")
    eps: float = setting(1e-8, least=0, help="keeps the division away from zero")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")
    momentum_decay: float = setting(4e-3, least=0, help="how fast the momentum grows from half of beta to beta")
    decoupled_weight_decay: bool = setting(False, help="shrink the parameters instead of adding to the gradient")


def radam(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Adam that steps by momentum alone until its second moment has seen enough gradients to be trusted."""
    beta1, beta2, eps, weight_decay, decoupled = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4]
    first, second = state[0], state[1]
    correction1 = 1.0 - beta1 ** float(update)
    correction2 = 1.0 - beta2 ** float(update)
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * update * beta2 ** float(update) / correction2
    trust = 0.0
    if length > 5.0:
        trust = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
        trust = math.sqrt(trust * correction2)
    for j in range(theta.size):
        g = gradient[j]
        if decoupled != 0.0:
            theta[j] *= 1.0 - rate * weight_decay
        else:
            g = g + weight_decay * theta[j]
        first[j] += (1.0 - beta1) * (g - first[j])
        second[j] = beta2 * second[j] + (1.0 - beta2) * g * g
        move = first[j] / correction1
        if length > 5.0:
            move *= trust / (math.sqrt(second[j]) + eps)
        theta[j] -= rate * move


@dataclass(frozen=True, kw_only=True)
class RAdam(Rule, step=radam, slot_names=("first moment", "second moment")):
    r"""theta <- theta - eta r_t m^ sqrt(1 - b2^t) / (sqrt(v) + eps) where rho_t > 5, theta - eta m^ before that.

    m, m^ and v as in Adam; rho_t = rho - 2 t b2^t / (1 - b2^t) with rho = 2 / (1 - b2) - 1;
    r_t^2 = (rho_t - 4)(rho_t - 2) rho / ((rho - 4)(rho - 2) rho_t). With the default betas the first five updates are
    momentum alone: their length depends on the loss's units.
    ``decoupled_weight_decay`` shrinks theta as AdamW does; otherwise weight decay is added to the gradient.

    Liu et al., 2020; the convention is ``torch.optim.RAdam``.
    """

    betas: tuple[float, float] = setting((0.9, 0.999), least=0, below=1, help="memory of the first and second moment")
    eps: float = setting(1e-8, least=0, help="keeps the division away from zero")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")
    decoupled_weight_decay: bool = setting(False, help="shrink the parameters instead of adding to the gradient")


def amsgrad(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """Adam divided by the largest second moment so far, so that no coordinate's rate ever rises again."""
    beta1, beta2, eps, weight_decay = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second, largest = state[0], state[1], state[2]
    correction1 = 1.0 - beta1 ** float(update)
    correction2 = math.sqrt(1.0 - beta2 ** float(update))
    for j in range(theta.size):
        g = gradient[j] + weight_decay * theta[j]
        first[j] += (1.0 - beta1) * (g - first[j])
        second[j] = beta2 * second[j] + (1.0 - beta2) * g * g
        largest[j] = max(largest[j], second[j])
        theta[j] -= rate / correction1 * first[j] / (math.sqrt(largest[j]) / correction2 + eps)


@dataclass(frozen=True, kw_only=True)
class AMSGrad(Rule, step=amsgrad, slot_names=("first moment", "second moment", "largest second moment")):
    r"""Adam with v replaced by its largest value so far: w <- max(w, v), theta <- theta - eta m^ / (sqrt(w^) + eps).

    w^ = w / (1 - b2^t). The paper has no corrections for the start at zero; PyTorch keeps Adam's.

    Reddi, Kale and Kumar, 2018; the convention is ``torch.optim.Adam(amsgrad=True)``.
    """

    betas: tuple[float, float] = setting((0.9, 0.999), least=0, below=1, help="memory of the first and second moment")
    eps: float = setting(1e-8, least=0, help="keeps the division away from zero")
    weight_decay: float = setting(0.0, least=0, help="pulls every parameter towards zero")
