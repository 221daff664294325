# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether both ways of a change give the same in every session, whatever its TimeZone and DateStyle are.

The triggers run in the sessions of the applications, the backfill in one of its own. The server itself judges, by a
table that it would make and does not: a generated column must be immutable.
"""

from __future__ import annotations

from ..._common.errors import StateError
from ..backfill.session import Session, SqlError
from ..quoting import qualified, quoted
from .change import NEW, OLD, Change
from .surroundings import Surroundings
from .triggers import Conversion

FORWARD, BACKWARD, SAME = "forward", "backward", "same"
NOT_IMMUTABLE = ("42P17", "0A000")
TIME, ZONED = "timestamp without time zone", "timestamp with time zone"
_UTC = "{value} AT TIME ZONE 'UTC'"
_DAY = "({value} AT TIME ZONE 'UTC')::date"
SAFE = {
    (TIME, ZONED): _UTC,
    (ZONED, TIME): _UTC,
    ("date", ZONED): "{value}::timestamp AT TIME ZONE 'UTC'",
    (ZONED, "date"): _DAY,
    ("text", "date"): "to_date({value}, 'YYYY-MM-DD')",
    ("date", "text"): "to_char({value}::timestamp, 'YYYY-MM-DD')",
    ("text", TIME): "to_timestamp({value}, 'YYYY-MM-DD HH24:MI:SS')::timestamp",
    (TIME, "text"): "to_char({value}, 'YYYY-MM-DD HH24:MI:SS')",
}
_TEXTS = {"character varying", "character", "bpchar"}
_KINDS = """
SELECT pg_catalog.format_type(o.oid, NULL), pg_catalog.format_type(n.oid, NULL),
       'E' IN (o.typcategory, n.typcategory) AND 'S' IN (o.typcategory, n.typcategory)
FROM pg_catalog.pg_type o, pg_catalog.pg_type n
WHERE o.oid = pg_catalog.to_regtype(%s) AND n.oid = pg_catalog.to_regtype(%s)
"""


class _Made(Exception):
    """The server would have made the table."""


def require_settled(session: Session, change: Change, around: Surroundings) -> None:
    """Refuse what depends on the settings of a session, unless it is named in ``handled``.

    :raises StateError: one way does, or the comparison.
    :raises SqlError: the server does not understand an expression.
    """
    old_type, new_type = around.column.type, around.new_type.type
    conversion = Conversion(change, around)
    old, new = quoted(change.old), quoted(change.new)
    asked = [
        (FORWARD, change.forward, conversion.forward(old), new_type),
        (BACKWARD, change.backward, conversion.backward(new), old_type),
        *([(SAME, change.same, conversion.agree(old, new), "boolean")] if change.same else []),
    ]
    columns = f"{old} {old_type}, {new} {new_type}"
    for way, stated, expression, result in asked:
        if way in change.handled or (not stated and old_type == new_type):
            continue
        if _immutable(session, change, f"{columns}, slipway_made {result}", f"CAST({expression} AS {result})"):
            continue
        if stated:
            raise _refusal(change, way, f"'{way}' is not immutable", "")
        ends = (old_type, new_type) if way == FORWARD else (new_type, old_type)
        source, target, by_labels = session.rows(_KINDS, ends)[0]
        if not by_labels:
            raise _refusal(change, way, f"the cast from {source} to {target} is not immutable", _safe(source, target))


def _immutable(session: Session, change: Change, columns: str, expression: str) -> bool:
    table = qualified(change.schema, f"slipway_probe_{session.pid}")
    try:
        with session.transaction():
            session.run(f"CREATE TABLE {table} ({columns} GENERATED ALWAYS AS ({expression}) STORED)")
            raise _Made
    except _Made:
        return True
    except SqlError as exc:
        if exc.sqlstate in NOT_IMMUTABLE:
            return False
        raise


def _safe(source: str, target: str) -> str:
    """How the same is said independently of the session; empty where nothing is known."""
    return SAFE.get(("text" if source in _TEXTS else source, "text" if target in _TEXTS else target), "")


def _refusal(change: Change, way: str, what: str, safe: str) -> StateError:
    places = f"{OLD} and {NEW}" if way == SAME else "the value"
    remedy = f"write '{way}' so that it takes nothing but {places} into account"
    if safe:
        remedy = f"give 'forward' and 'backward', '{way}' for example as {safe}"
    else:
        remedy += ", such as with AT TIME ZONE 'UTC' or a format"
    return StateError(
        f"{what}: it can depend on a session's TimeZone or DateStyle, or on other rows, so that applications and the "
        "backfill would make different values of one",
        where=qualified(change.schema, change.table),
        remedy=f"{remedy}; where the server takes it for less certain than it is, name '{way}' in 'handled'",
    )
