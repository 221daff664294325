# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The language of conditions: comparisons of what was measured, and nothing else.

Touches nothing. A condition is parsed by Python's parser and then walked by this file, node by node; nothing is ever
handed to the interpreter. What it knows:

    result, stable, canary         what was measured (which of them, depends on the metric)
    x["name"], x.name, x[0]        a part of it
    < <= > >= == !=                comparisons, also 0 < result <= 5
    and, or, not, ( )
    + - * / // %                   of numbers
    len, min, max, abs             as in Python
    default(x, y)                  y where there is no data for x
    12, 0.5, "text", true, false

Data that is missing is no value: a condition that meets it raises ``NoData``, also for a number that is none, a
division by zero and an empty list. A list of one is as good as what it holds.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from .._common.errors import InputError

LONGEST = 1000
DEEPEST = 40
FUNCTIONS = ("len", "min", "max", "abs", "default")
BOOLEANS = {"true": True, "false": False}
COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Lt: ("<", lambda left, right: left < right),
    ast.LtE: ("<=", lambda left, right: left <= right),
    ast.Gt: (">", lambda left, right: left > right),
    ast.GtE: (">=", lambda left, right: left >= right),
    ast.Eq: ("==", lambda left, right: left == right),
    ast.NotEq: ("!=", lambda left, right: left != right),
}
OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: lambda left, right: left % right,
}


class NoData(Exception):
    """A condition needs a value that was not measured."""


class NotApplicable(Exception):
    """A condition does not fit what was measured, such as a comparison of a text with a number."""


class Condition:
    """One condition, checked when it is made.

    :param text: the condition as the operator wrote it.
    :param names: the names of what will be measured.
    :param where: how messages name the option.
    :raises InputError: it is no condition; names the position and the remedy.
    """

    def __init__(self, text: str, names: tuple[str, ...], where: str) -> None:
        self.text = " ".join(text.strip().splitlines())
        self._root = _Checker(self.text, names, where).checked()

    def holds(self, values: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
        """Whether it holds, and the measured values that decided so.

        :raises NoData: a value that it needs was not measured.
        :raises NotApplicable: it does not fit what was measured.
        """
        evaluation = _Evaluation(values)
        try:
            return bool(evaluation.value(self._root)), evaluation.seen
        except OverflowError as exc:
            raise NotApplicable(f"'{self.text}' needs a number that is too large") from exc


def names_in(text: str) -> frozenset[str]:
    """The names that a condition uses; none of a text that cannot be read."""
    try:
        root = ast.parse(" ".join(text.strip().splitlines()), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(node.id for node in ast.walk(root) if isinstance(node, ast.Name))


class _Checker:
    """Parses one condition and refuses everything that the language does not have."""

    def __init__(self, text: str, names: tuple[str, ...], where: str) -> None:
        self.text = text
        self.names = names
        self.where = where

    def checked(self) -> ast.expr:
        if len(self.text) > LONGEST:
            raise InputError(
                f"is longer than {LONGEST} characters", where=self.where, remedy="spread it over several metrics"
            )
        root = self._parsed()
        self._condition(root, 0)
        if not any(isinstance(node, ast.Name) and node.id in self.names for node in ast.walk(root)):
            raise self._refused(root, "does not look at what was measured", f"use {' and '.join(self.names)}")
        return root

    def _parsed(self) -> ast.expr:
        try:
            return ast.parse(self.text, mode="eval").body
        except SyntaxError as exc:
            position = exc.offset or len(self.text) + 1
            raise InputError(
                f"cannot be read at position {position}: {self.text!r}", where=self.where, remedy=self._syntax_remedy()
            ) from exc
        except (ValueError, RecursionError, MemoryError) as exc:
            raise InputError("cannot be read", where=self.where, remedy="write it simpler") from exc

    def _syntax_remedy(self) -> str:
        for symbol, word in (("&&", "and"), ("||", "or"), ("!", "not")):
            if symbol in self.text.replace("!=", ""):
                return f"write '{word}' in place of '{symbol}'"
        if re.search(r"(?<![<>=!])=(?!=)", self.text):
            return "compare with '=='"
        return f"write it like {self.names[-1]} > 5"

    def _refused(self, node: ast.expr, what: str, remedy: str) -> InputError:
        return InputError(
            f"{what}, at position {_position(node)}: {ast.unparse(node)}", where=self.where, remedy=remedy
        )

    def _condition(self, node: ast.expr, depth: int) -> None:
        """Refuse what is neither true nor false."""
        self._shallow(node, depth)
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                self._condition(part, depth + 1)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._condition(node.operand, depth + 1)
        elif isinstance(node, ast.Compare):
            self._comparison(node, depth)
        else:
            self._value(node, depth)
            raise self._refused(node, "is no condition", f"compare it, such as {ast.unparse(node)} > 5")

    def _comparison(self, node: ast.Compare, depth: int) -> None:
        for operator in node.ops:
            if type(operator) not in COMPARISONS:
                raise self._refused(node, "has a comparison that there is not", "use one of < <= > >= == !=")
        for part in (node.left, *node.comparators):
            self._value(part, depth + 1)

    def _value(self, node: ast.expr, depth: int) -> None:
        """Refuse what the language does not have."""
        self._shallow(node, depth)
        if isinstance(node, ast.Constant):
            self._constant(node)
        elif isinstance(node, ast.Name):
            self._name(node)
        elif isinstance(node, ast.Attribute):
            self._value(node.value, depth + 1)
        elif isinstance(node, ast.Subscript):
            self._value(node.value, depth + 1)
            self._index(node)
        elif isinstance(node, ast.BinOp):
            self._operation(node, depth)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            self._value(node.operand, depth + 1)
        elif isinstance(node, ast.Call):
            self._call(node, depth)
        elif isinstance(node, (ast.BoolOp, ast.Compare, ast.UnaryOp)):
            raise self._refused(node, "has a condition where a value must be", "join conditions by and, or, not")
        else:
            raise self._refused(node, "has something that conditions do not know", "see the option's description")

    def _shallow(self, node: ast.expr, depth: int) -> None:
        if depth > DEEPEST:
            raise InputError(f"is nested deeper than {DEEPEST}", where=self.where, remedy="write it simpler")

    def _constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, (int, float, str)) or (
            isinstance(node.value, float) and not math.isfinite(node.value)
        ):
            raise self._refused(node, "has a value that conditions do not know", "use a number or a text in quotes")

    def _name(self, node: ast.Name) -> None:
        if node.id not in self.names and node.id not in BOOLEANS:
            known = ", ".join(self.names)
            remedy = f"this metric measures {known}" + (
                "; set slots to measure stable and canary" if self.names == ("result",) else ""
            )
            raise self._refused(node, f"has the unknown name '{node.id}'", remedy)

    def _index(self, node: ast.Subscript) -> None:
        index = node.slice
        if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
            index = index.operand
        known = isinstance(index, ast.Constant) and isinstance(index.value, (int, str))
        if not known or isinstance(getattr(index, "value", None), bool):
            raise self._refused(node, "has an index that is none", "use a position, or a name in quotes")

    def _operation(self, node: ast.BinOp, depth: int) -> None:
        if type(node.op) not in OPERATIONS:
            raise self._refused(node, "has an operation that there is not", "use one of + - * / // %")
        self._value(node.left, depth + 1)
        self._value(node.right, depth + 1)

    def _call(self, node: ast.Call, depth: int) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or node.keywords:
            raise self._refused(node, "calls what is no function here", f"use one of {', '.join(FUNCTIONS)}")
        least, most = {"len": (1, 1), "abs": (1, 1), "default": (2, 2)}.get(name, (1, 20))
        if not least <= len(node.args) <= most:
            raise self._refused(node, f"gives {name}() {len(node.args)} values", f"give it {least}")
        for part in node.args:
            self._value(part, depth + 1)


class _Evaluation:
    """Walks a condition that was checked, once."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.seen: dict[str, Any] = {}

    def value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BoolOp):
            return self._joined(node)
        if isinstance(node, ast.Compare):
            return self._compared(node)
        if isinstance(node, ast.BinOp):
            return self._operated(node)
        if isinstance(node, ast.UnaryOp):
            return self._signed(node)
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name) and node.id in BOOLEANS:
            return BOOLEANS[node.id]
        return self._measured(node)

    def _joined(self, node: ast.BoolOp) -> bool:
        """As Python: the rest is not looked at once the outcome is known."""
        ends_with = isinstance(node.op, ast.Or)
        return next((ends_with for part in node.values if self.value(part) is ends_with), not ends_with)

    def _compared(self, node: ast.Compare) -> bool:
        left = self._single(node.left)
        for operator, part in zip(node.ops, node.comparators):
            right = self._single(part)
            sign, compare = COMPARISONS[type(operator)]
            if not _comparable(left, right, sign):
                raise NotApplicable(
                    f"'{ast.unparse(node)}' at position {_position(node)} compares {_kind(left)} with {_kind(right)}; "
                    "compare numbers with numbers and texts with texts"
                )
            if not compare(left, right):
                return False
            left = right
        return True

    def _operated(self, node: ast.BinOp) -> Any:
        left, right = self._number(node.left), self._number(node.right)
        try:
            return _finite(OPERATIONS[type(node.op)](left, right), node)
        except ZeroDivisionError as exc:
            raise NoData(f"{ast.unparse(node)} divides by zero") from exc

    def _signed(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return not self.value(node.operand)
        number = self._number(node.operand)
        return -number if isinstance(node.op, ast.USub) else number

    def _called(self, node: ast.Call) -> Any:
        name = ast.unparse(node.func)
        if name == "default":
            try:
                return self._single(node.args[0])
            except NoData:
                self.seen[ast.unparse(node.args[0])] = "no data, so the default"
                return self._single(node.args[1])
        if name == "abs":
            return abs(self._number(node.args[0]))
        if name == "len":
            return self._length(node.args[0])
        numbers = [number for part in node.args for number in self._numbers(part)]
        return min(numbers) if name == "min" else max(numbers)

    def _length(self, node: ast.expr) -> int:
        value = self.value(node)
        if not isinstance(value, (list, str, Mapping)):
            raise NotApplicable(f"'{ast.unparse(node)}' is {_kind(value)} and has no length; leave len() out")
        return len(value)

    def _numbers(self, node: ast.expr) -> list[float]:
        value = self.value(node)
        if not isinstance(value, list):
            return [self._number_in(value, node)]
        if not value:
            raise NoData(f"{ast.unparse(node)} is empty")
        return [self._number_in(item, node) for item in value]

    def _number(self, node: ast.expr) -> Any:
        return self._number_in(self._single(node), node)

    def _number_in(self, value: Any, node: ast.expr) -> Any:
        value = _present(value, node)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise NotApplicable(f"'{ast.unparse(node)}' at position {_position(node)} is {_kind(value)}, not a number")
        return value

    def _single(self, node: ast.expr) -> Any:
        """The value of a node; of a list of one, what it holds."""
        value = self.value(node)
        if isinstance(value, list):
            if not value:
                raise NoData(f"{ast.unparse(node)} is empty")
            if len(value) > 1:
                text = ast.unparse(node)
                raise NotApplicable(f"'{text}' has {len(value)} values; write {text}[0], min({text}) or max({text})")
            value = value[0]
        value = _present(value, node)
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and not isinstance(value, Mapping):
            self.seen[ast.unparse(node)] = value
        return value

    def _measured(self, node: ast.expr) -> Any:
        """A measured value or a part of one."""
        if isinstance(node, ast.Name):
            return _present(self.values.get(node.id), node)
        if isinstance(node, ast.Attribute):
            return _part(self.value(node.value), node.attr, node)
        if isinstance(node, ast.Subscript):
            return _part(self.value(node.value), ast.literal_eval(node.slice), node)
        raise NotApplicable(f"'{ast.unparse(node)}' is nothing that was measured")


def _part(whole: Any, key: Any, node: ast.expr) -> Any:
    wanted, kind = (list, "no list") if isinstance(key, int) else (Mapping, "nothing with names")
    if not isinstance(whole, wanted):
        raise NotApplicable(f"'{ast.unparse(node)}' at position {_position(node)} looks into {_kind(whole)}, {kind}")
    try:
        return _present(whole[key], node)
    except (KeyError, IndexError):
        raise NoData(f"there is no {ast.unparse(node)}") from None


def _present(value: Any, node: ast.expr) -> Any:
    if value is None:
        raise NoData(f"{ast.unparse(node)} has no value")
    return _finite(value, node)


def _finite(value: Any, node: ast.expr) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise NoData(f"{ast.unparse(node)} is {value}")
    return value


def _comparable(left: Any, right: Any, sign: str) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and sign in ("==", "!=")
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    return numbers or (isinstance(left, str) and isinstance(right, str))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "a dictionary"


def _position(node: ast.expr) -> int:
    return node.col_offset + 1
