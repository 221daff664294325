# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees: what is inside of a node, and what an expression says. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import grammar
from ..transactions import node
from .names import strings


def walk(tree: Any) -> Iterator[Any]:
    """A node and all nodes inside of it, a container before what it contains."""
    left = [tree]
    while left:
        current = left.pop()
        if isinstance(current, (list, tuple)):
            left.extend(reversed(current))
        elif hasattr(current, "__slots__"):
            yield current
            left.extend(getattr(current, slot, None) for slot in reversed(list(current.__slots__)))


def column_of(expression: Any) -> str:
    """The column that an expression is; empty when it is something else."""
    if node(expression) == "ColumnRef" and len(expression.fields) == 1:
        return str(getattr(expression.fields[0], "sval", ""))
    return ""


def never_null(expression: Any) -> set[str]:
    """The columns that cannot be NULL where the expression is true."""
    kind = node(expression)
    if kind == "NullTest" and expression.nulltesttype.name == "IS_NOT_NULL":
        return {column_of(expression.arg)} - {""}
    if kind == "BoolExpr" and expression.boolop.name == "AND_EXPR":
        return {column for part in expression.args for column in never_null(part)}
    return set()


def never_null_of_text(expression: str) -> set[str]:
    """The same, of an expression as a catalog writes it."""
    return never_null(grammar.tree(f"SELECT {expression}").targetList[0].val)


def columns_bounded(expression: Any) -> frozenset[str]:
    """The columns of which an expression says more than whether they are NULL."""
    only_tested = {id(one.arg) for one in walk(expression) if node(one) == "NullTest"}
    return frozenset(column_of(one) for one in walk(expression) if id(one) not in only_tested) - {""}


def columns_bounded_in_text(expression: str) -> frozenset[str]:
    """The same, of an expression as a catalog writes it."""
    return columns_bounded(grammar.tree(f"SELECT {expression}").targetList[0].val)


def with_new(text: str, start: int, expression: Any) -> str:
    """The text of an expression with ``NEW.`` before each column, for a trigger.

    :param start: of ``text`` in the statement that ``expression`` is from.
    """
    places = sorted((one.location - start for one in walk(expression) if column_of(one)), reverse=True)
    for place in places:
        text = f"{text[:place]}NEW.{text[place:]}"
    return text


def function_name(call: Any) -> str:
    """The name of a ``FuncCall``, without its schema."""
    return strings(call.funcname)[-1]
