"""The instructions of the stack machine: what `gd_core.expressions` writes and `gd_core.machine` reads.

They stand apart because the machine imports Numba and the parser does not. Numba's cache on disk watches only the
machine's own file, so a number here is never given a new meaning; new ones are added.
"""

from __future__ import annotations

# push the operand; push or pop the register that the operand numbers
PUSH, LOAD, STORE = 0, 1, 2
# u^c, with the exponent c as the operand
POWER_CONSTANT = 3
NEGATE, ABS, SIGN, SQRT, EXP, LOG, LOG2, LOG10 = 10, 11, 12, 13, 14, 15, 16, 17
SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH, TANH = 18, 19, 20, 21, 22, 23, 24, 25, 26
# from here on two numbers are taken from the stack
FIRST_BINARY = 40
ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, MINIMUM, MAXIMUM = 40, 41, 42, 43, 44, 45, 46
# where the instructions begin in a program, after the stack's depth and their number
HEADER = 2
# the registers of a rule before its state variables: theta, g, lr, t
RULE_REGISTERS = 4
