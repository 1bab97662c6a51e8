r"""The compiled stack machine that evaluates a person's formulas and rules, with exact gradients.

A formula reaches the descent's loop as numbers, not as code: `gd_core.expressions` turns its tree into a program, and
one function of each signature of `gd_core.compiled` interprets any program. So nothing that a person typed is ever
executed as Python, nothing is compiled for a new formula, and the loop stays compiled.

A program is a float64 vector: the stack's depth, the number of instructions, then an opcode and an operand for each.
Gradients are exact (forward-mode dual numbers: each entry of the stack carries its derivatives by x and y).

Where a function has no value (the logarithm of a negative number, a division by zero) it gives NaN or an infinity, and
the gradient there is NaN. A part that does not move, to first order, contributes nothing: abs(x) has gradient 0 at 0,
and so has sqrt(x^2 + y^2).

Numba is imported with this module, so import it only where something is about to be compiled or evaluated.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

import gd_core.opcodes as op


@register_jitable
def apply_unary(code, u, operand):  # type: ignore[no-untyped-def]
    """The value of a function of one number and its derivative there."""
    if code == op.POWER_CONSTANT:
        if operand == 2.0:
            return u * u, 2.0 * u
        if operand == 0.0:
            return 1.0, 0.0
        return math.pow(u, operand), operand * math.pow(u, operand - 1.0)
    if code == op.NEGATE:
        return -u, -1.0
    if code == op.SIN:
        return math.sin(u), math.cos(u)
    if code == op.COS:
        return math.cos(u), -math.sin(u)
    if code == op.EXP:
        value = math.exp(u)
        return value, value
    if code == op.SQRT:
        value = math.sqrt(u)
        return value, 0.5 / value
    if code == op.LOG:
        return math.log(u), 1.0 / u
    if code in (op.ABS, op.SIGN):
        side = 1.0 if u > 0.0 else (-1.0 if u < 0.0 else u)
        return (abs(u), side) if code == op.ABS else (side, 0.0)
    if code == op.TAN:
        value = math.tan(u)
        return value, 1.0 + value * value
    if code == op.TANH:
        value = math.tanh(u)
        return value, 1.0 - value * value
    if code == op.LOG2:
        return math.log(u) / math.log(2.0), 1.0 / (u * math.log(2.0))
    if code == op.LOG10:
        return math.log10(u), 1.0 / (u * math.log(10.0))
    if code == op.ASIN:
        return math.asin(u), 1.0 / math.sqrt(1.0 - u * u)
    if code == op.ACOS:
        return math.acos(u), -1.0 / math.sqrt(1.0 - u * u)
    if code == op.ATAN:
        return math.atan(u), 1.0 / (1.0 + u * u)
    if code == op.SINH:
        return math.sinh(u), math.cosh(u)
    if code == op.COSH:
        return math.cosh(u), math.sinh(u)
    return math.nan, math.nan


@register_jitable
def apply_binary(code, u, v):  # type: ignore[no-untyped-def]
    """The value of a function of two numbers, and its derivatives by the first and the second."""
    if code == op.ADD:
        return u + v, 1.0, 1.0
    if code == op.SUBTRACT:
        return u - v, 1.0, -1.0
    if code == op.MULTIPLY:
        return u * v, v, u
    if code == op.DIVIDE:
        value = u / v
        return value, 1.0 / v, -value / v
    if code == op.POWER:
        # exp(v log u): a variable exponent has no meaning below zero
        if u > 0.0:
            value = math.pow(u, v)
            return value, v * math.pow(u, v - 1.0), value * math.log(u)
        if u == 0.0 and v > 0.0:
            return 0.0, v * math.pow(u, v - 1.0), 0.0
        return math.nan, math.nan, math.nan
    if not (u == u and v == v):
        return math.nan, math.nan, math.nan
    if code == op.MINIMUM:
        return (u, 1.0, 0.0) if u <= v else (v, 0.0, 1.0)
    if code == op.MAXIMUM:
        return (u, 1.0, 0.0) if u >= v else (v, 0.0, 1.0)
    return math.nan, math.nan, math.nan


@register_jitable
def run_program(program, registers, stack):  # type: ignore[no-untyped-def]
    """Interpret a program on plain numbers: reads and changes the registers, and returns the top of the stack."""
    top = -1
    for k in range(op.HEADER, op.HEADER + 2 * int(program[1]), 2):
        code, operand = int(program[k]), program[k + 1]
        if code == op.PUSH:
            top += 1
            stack[top] = operand
        elif code == op.LOAD:
            top += 1
            stack[top] = registers[int(operand)]
        elif code == op.STORE:
            registers[int(operand)] = stack[top]
            top -= 1
        elif code < op.FIRST_BINARY:
            stack[top] = apply_unary(code, stack[top], operand)[0]
        else:
            top -= 1
            stack[top] = apply_binary(code, stack[top], stack[top + 1])[0]
    return stack[max(top, 0)]


def formula_value(theta, X, y, rows, loss, constants):  # type: ignore[no-untyped-def]
    """The formula in ``constants`` at theta = (x, y)."""
    return run_program(constants, theta, np.empty(int(constants[0])))


def formula_gradient(theta, X, y, rows, derivative, constants, out):  # type: ignore[no-untyped-def]
    """The gradient of the formula in ``constants`` at theta = (x, y), plus the mean of X's given rows: the noise."""
    stack = np.empty((int(constants[0]), 3))
    top = -1
    for k in range(op.HEADER, op.HEADER + 2 * int(constants[1]), 2):
        code, operand = int(constants[k]), constants[k + 1]
        if code in (op.PUSH, op.LOAD):
            top += 1
            stack[top, 0] = operand if code == op.PUSH else theta[int(operand)]
            stack[top, 1] = 1.0 if code == op.LOAD and operand == 0.0 else 0.0
            stack[top, 2] = 1.0 if code == op.LOAD and operand == 1.0 else 0.0
        elif code < op.FIRST_BINARY:
            value, slope = apply_unary(code, stack[top, 0], operand)
            stack[top, 0] = value
            for j in range(1, 3):
                # what does not move contributes nothing, however steep the function is there
                if stack[top, j] != 0.0:
                    stack[top, j] *= slope
        else:
            top -= 1
            value, first, second = apply_binary(code, stack[top, 0], stack[top + 1, 0])
            stack[top, 0] = value
            for j in range(1, 3):
                total = 0.0
                if stack[top, j] != 0.0:
                    total += first * stack[top, j]
                if stack[top + 1, j] != 0.0:
                    total += second * stack[top + 1, j]
                stack[top, j] = total
    usable = abs(stack[0, 0]) < np.inf
    for j in range(2):
        out[j] = stack[0, j + 1] if usable else np.nan
        noise = 0.0
        for k in range(rows.size):
            noise += X[rows[k], j]
        out[j] += noise / rows.size


def typed_step(theta, gradient, state, hyper, update, rate):  # type: ignore[no-untyped-def]
    """The rule in ``hyper``, coordinate by coordinate: registers theta, g, lr, t, then the state variables."""
    stack = np.empty(int(hyper[0]))
    registers = np.empty(op.RULE_REGISTERS + state.shape[0])
    for j in range(theta.size):
        registers[0], registers[1], registers[2], registers[3] = theta[j], gradient[j], rate, float(update)
        for i in range(state.shape[0]):
            registers[op.RULE_REGISTERS + i] = state[i, j]
        run_program(hyper, registers, stack)
        theta[j] = registers[0]
        for i in range(state.shape[0]):
            state[i, j] = registers[op.RULE_REGISTERS + i]
