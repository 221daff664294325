# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees: what is inside of a node, and what an expression says. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

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


class Said(NamedTuple):
    """What a CHECK says.

    :param bounded: the columns of which it says more than whether they are NULL.
    :param known: the columns of which it says that they are not NULL.
    :param values: its constants.
    """

    bounded: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()


def said(expression: Any) -> Said:
    """What an expression says that is true."""
    nodes = list(walk(expression))
    only_tested = {id(one.arg) for one in nodes if node(one) == "NullTest"}
    bounded = frozenset(column_of(one) for one in nodes if id(one) not in only_tested) - {""}
    return Said(bounded, frozenset(never_null(expression)), frozenset(filter(None, map(constant, nodes))))


def said_in_text(expression: str) -> Said:
    """The same, of an expression as a catalog writes it."""
    return said(grammar.tree(f"SELECT {expression}").targetList[0].val)


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


def without_casts(expression: Any) -> Any:
    """What is cast."""
    while node(expression) == "TypeCast":
        expression = expression.arg
    return expression


def text_of_constant(expression: Any) -> str:
    """The text that a constant is, cast or not; empty of everything else."""
    return str(getattr(getattr(without_casts(expression), "val", None), "sval", ""))


def constant(expression: Any) -> str:
    """A text or a number as it is written, without quotes; empty of everything else, NULL too."""
    value = getattr(expression, "val", None) if node(expression) == "A_Const" else None
    return str(getattr(value, "sval", getattr(value, "fval", getattr(value, "ival", ""))))


def is_null(expression: Any) -> bool:
    """Whether it is NULL, cast or not."""
    return node(without_casts(expression)) == "A_Const" and bool(without_casts(expression).isnull)
