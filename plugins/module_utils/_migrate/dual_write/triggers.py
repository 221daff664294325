# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How both columns follow each other: the expressions, the trigger function and the backfill. Pure.

The function changes the row at hand and asks nothing of the table, so that it cannot call itself, needs no rights and
runs as whoever writes.
"""

from __future__ import annotations

from ..backfill.definition import Definition
from ..quoting import bracketed, literal, qualified, quoted
from .change import NEW, OLD, VALUE, Change
from .surroundings import Column, Surroundings

_TAG = "$slipway$"


class Conversion:
    """The expressions of a change."""

    def __init__(self, change: Change, around: Surroundings) -> None:
        self._change = change
        self._old = around.column
        self._new = around.new_type

    def forward(self, value: str) -> str:
        """The new value of an old one."""
        return self._converted(self._change.forward, value, self._new)

    def backward(self, value: str) -> str:
        """The old value of a new one."""
        return self._converted(self._change.backward, value, self._old)

    def agree(self, old: str, new: str) -> str:
        """A condition, never null, that both say the same."""
        if self._change.same:
            stated = self._change.same.replace(OLD, old).replace(NEW, new)
            return f"({bracketed(stated)} IS TRUE)"
        forwards = _same(new, self.forward(old), self._new)
        backwards = _same(old, self.backward(new), self._old)
        return f"({forwards} OR {backwards})"

    def _converted(self, stated: str, value: str, to: Column) -> str:
        if stated:
            return bracketed(stated.replace(VALUE, value))
        return value if self._old.type == self._new.type else f"CAST({value} AS {to.type})"


def function(change: Change, around: Surroundings) -> str:
    """The statement that makes the trigger function."""
    conversion = Conversion(change, around)
    old, new = f"NEW.{quoted(change.old)}", f"NEW.{quoted(change.new)}"
    body = f"""
BEGIN
  IF {conversion.agree(old, new)} THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF {new} IS NOT NULL THEN
      {old} := {conversion.backward(new)};
    ELSE
      {new} := {conversion.forward(old)};
    END IF;
  ELSIF {distinct(new, f"OLD.{quoted(change.new)}", around.new_type)} THEN
    {old} := {conversion.backward(new)};
  ELSE
    {new} := {conversion.forward(old)};
  END IF;
  RETURN NEW;
END
"""
    tag = _tag(body)
    path = ", ".join(["pg_catalog", *map(quoted, around.type_schemas), "pg_temp"])
    return (
        f"CREATE OR REPLACE FUNCTION {qualified(change.schema, change.function)}() RETURNS trigger\n"
        f"LANGUAGE plpgsql SECURITY INVOKER SET search_path = {path} AS {tag}{body}{tag}"
    )


def triggers(change: Change, around: Surroundings) -> list[str]:
    """The statements that make both triggers."""
    table = qualified(change.schema, change.table)
    call = f"EXECUTE FUNCTION {qualified(change.schema, change.function)}()"
    old, new = quoted(change.old), quoted(change.new)
    written = (
        f"{distinct(f'NEW.{old}', f'OLD.{old}', around.column)} "
        f"OR {distinct(f'NEW.{new}', f'OLD.{new}', around.new_type)} "
        f"OR (NEW.{new} IS NULL AND NEW.{old} IS NOT NULL)"
    )
    return [
        f"CREATE TRIGGER {quoted(change.insert_trigger)} BEFORE INSERT ON {table} FOR EACH ROW {call}",
        f"CREATE TRIGGER {quoted(change.update_trigger)} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({written}) {call}",
    ]


def backfill(change: Change, around: Surroundings, key: tuple[str, ...] = ()) -> Definition:
    """What fills the new column of the rows that nobody has written since."""
    conversion = Conversion(change, around)
    old, new = quoted(change.old), quoted(change.new)
    return Definition(
        name=change.backfill,
        schema=change.schema,
        table=change.table,
        assignments=((change.new, conversion.forward(old)),),
        where=f"NOT {conversion.agree(old, new)}",
        key=key,
    )


def readable(change: Change, around: Surroundings) -> str:
    """A statement by which the server reads both expressions before anything is made of them."""
    conversion = Conversion(change, around)
    old = f"CAST({quoted(change.old)} AS {around.column.type})"
    new = f"CAST(NULL AS {around.new_type.type})"
    asked = [conversion.forward(old), conversion.backward(new), conversion.agree(old, new)]
    return f"EXPLAIN SELECT {', '.join(asked)} FROM {qualified(change.schema, change.table)}"


def distinct(one: str, other: str, column: Column) -> str:
    """Both differ, NULL being a value like any other."""
    cast = "" if column.comparable else "::text"
    return f"({one}){cast} IS DISTINCT FROM ({other}){cast}"


def guard(change: Change, around: Surroundings) -> str:
    """A statement that fails while a row disagrees."""
    conversion = Conversion(change, around)
    table = qualified(change.schema, change.table)
    agree = conversion.agree(quoted(change.old), quoted(change.new))
    what = f"columns {change.old} and {change.new} of {change.schema}.{change.table} disagree"
    said = literal(what.replace("%", "%%"))
    hint = literal("finish the backfill, then run again")
    body = (
        f"\nBEGIN\n  IF EXISTS (SELECT 1 FROM {table} WHERE NOT {agree}) THEN\n"
        f"    RAISE EXCEPTION {said} USING HINT = {hint};\n  END IF;\nEND\n"
    )
    tag = _tag(body)
    return f"DO {tag}{body}{tag}"


def _same(one: str, other: str, column: Column) -> str:
    return f"NOT ({distinct(one, other, column)})"


def _tag(body: str) -> str:
    """A dollar quote that the body does not hold."""
    number, tag = 0, _TAG
    while tag in body:
        number += 1
        tag = f"$slipway{number}$"
    return tag
