# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of each phase, to be run or to be put into files of migrations. Pure.

The new column has no default before the contract, so that a row which gives only the old one is known by its NULL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..quoting import listed, literal, qualified, quoted
from . import triggers
from .change import Change
from .surroundings import ForeignKey, Index, Surroundings

ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
FULL_MATCH = "f"
DESCENDING, NULLS_FIRST = 1, 2
MANY_ALTERS = "allow multi-alter: each step must be a transaction of its own, so that no lock is held for long"
GUARDED = "allow opaque: the block fails while a row disagrees, and changes nothing"


@dataclass(frozen=True)
class Step:
    """One statement.

    :param done: a query that gives true once its effect is there; empty where the phase is one transaction.
    :param index: that an attempt may leave invalid; empty for none.
    :param patient: nobody who reads or writes queues behind it while it waits for its lock.
    """

    sql: str
    done: str = ""
    index: str = ""
    patient: bool = False


def expand(change: Change, around: Surroundings) -> list[Step]:
    """Add the column and the triggers; all in one transaction."""
    table, new = qualified(change.schema, change.table), quoted(change.new)
    called = f"{qualified(change.schema, change.function)}()"
    same_type = around.column.type == around.new_type.type
    collation = f" COLLATE {around.collation}" if around.collation and same_type else ""
    about = f"slipway.release: keeps {change.old} and {change.new} of {change.table} in step"
    statements = [
        f"ALTER TABLE {table} ADD COLUMN {new} {around.new_type.type}{collation}",
        *([f"COMMENT ON COLUMN {table}.{new} IS {literal(around.comment)}"] if around.comment else []),
        *(_grant(change, *grant) for grant in around.grants),
        triggers.function(change, around),
        f"COMMENT ON FUNCTION {called} IS {literal(about)}",
        f"ALTER FUNCTION {called} OWNER TO {quoted(around.owner)}",
        f"REVOKE ALL ON FUNCTION {called} FROM PUBLIC",
        *triggers.triggers(change, around),
    ]
    return [Step(statement) for statement in statements]


def migrate(change: Change, around: Surroundings) -> list[Step]:
    """What follows the backfill: indexes, NOT NULL and foreign keys; each statement a transaction of its own."""
    steps = [step for index in around.indexes for step in _index(change, index)]
    if around.not_null:
        steps += _not_null(change)
    return steps + [step for key in around.foreign_keys for step in _foreign_key(change, key)]


def contract(change: Change, around: Surroundings) -> list[Step]:
    """End the dual write and drop the old column; all in one transaction."""
    table, new = qualified(change.schema, change.table), quoted(change.new)
    statements = [
        f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
        f"DROP TRIGGER {quoted(change.insert_trigger)} ON {table}",
        f"DROP TRIGGER {quoted(change.update_trigger)} ON {table}",
        f"DROP FUNCTION {qualified(change.schema, change.function)}()",
    ]
    statements += [f"ALTER SEQUENCE {sequence} OWNED BY {table}.{new}" for sequence in around.sequences]
    actions = [f"DROP COLUMN {quoted(change.old)}"]
    if around.default is not None:
        same_type = around.column.type == around.new_type.type
        old_value = around.default if same_type else f"CAST({around.default} AS {around.column.type})"
        default = triggers.Conversion(change, around).forward(old_value)
        actions.insert(0, f"ALTER COLUMN {new} SET DEFAULT {default}")
    statements.append(f"ALTER TABLE {table} {', '.join(actions)}")
    return [Step(statement) for statement in statements]


def as_file(phase: str, steps: Iterable[Step], *more: str) -> str:
    """The text of a migration file.

    :param more: directives.
    """
    head = [f"-- slipway:{directive}" for directive in (f"phase {phase}", "placeholders off", *more)]
    return "\n".join([*head, "", *(f"{step.sql};" for step in steps)]) + "\n"


def files(change: Change, around: Surroundings) -> dict[str, str]:
    """Phase to the text of its file; the backfill belongs before that of ``migrate``."""
    guarded = [Step(triggers.guard(change, around)), *contract(change, around)]
    return {
        "expand": as_file("expand", expand(change, around)),
        "migrate": as_file("migrate", migrate(change, around), "transaction off", MANY_ALTERS),
        "contract": as_file("contract", guarded, GUARDED),
    }


def _grant(change: Change, role: str, privilege: str, grantable: bool) -> str:
    option = " WITH GRANT OPTION" if grantable else ""
    table = qualified(change.schema, change.table)
    return f"GRANT {privilege} ({quoted(change.new)}) ON {table} TO {role}{option}"


def _index(change: Change, index: Index) -> list[Step]:
    name, table = change.name_for(index.name), qualified(change.schema, change.table)
    columns = _replaced(change, index.columns)
    keys = ", ".join(map(_ordered, columns[: index.key_columns], index.options))
    included = listed(columns[index.key_columns :])
    sql = (
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX CONCURRENTLY IF NOT EXISTS {quoted(name)} ON {table} "
        f"USING {quoted(index.method)} ({keys})"
        + (f" INCLUDE ({included})" if included else "")
        + (" NULLS NOT DISTINCT" if index.nulls_not_distinct else "")
        + (f" WITH ({', '.join(index.storage)})" if index.storage else "")
    )
    valid = (
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indisvalid "
        f"AND i.indexrelid = to_regclass({literal(qualified(change.schema, name))}))"
    )
    steps = [Step(sql, valid, name, patient=True)]
    if index.constraint:
        steps.append(
            Step(
                f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} UNIQUE USING INDEX {quoted(name)}",
                _constraint_is(change, name, "true"),
            )
        )
    return steps


def _ordered(column: str, option: int) -> str:
    if not option:
        return quoted(column)
    direction = "DESC" if option & DESCENDING else "ASC"
    return f"{quoted(column)} {direction} NULLS {'FIRST' if option & NULLS_FIRST else 'LAST'}"


def _not_null(change: Change) -> list[Step]:
    table, new = qualified(change.schema, change.table), quoted(change.new)
    name = change.name_for("slipway_not_null")
    is_set = (
        "(SELECT attnotnull FROM pg_catalog.pg_attribute "
        f"WHERE attrelid = {literal(table)}::regclass AND attname = {literal(change.new)})"
    )
    alter = f"ALTER TABLE {table}"
    return [
        Step(
            f"{alter} ADD CONSTRAINT {quoted(name)} CHECK ({new} IS NOT NULL) NOT VALID",
            f"{_constraint_is(change, name, 'true')} OR {is_set}",
        ),
        Step(
            f"{alter} VALIDATE CONSTRAINT {quoted(name)}",
            f"{_constraint_is(change, name, 'convalidated')} OR {is_set}",
            patient=True,
        ),
        Step(f"{alter} ALTER COLUMN {new} SET NOT NULL", f"SELECT {is_set}"),
        Step(
            f"{alter} DROP CONSTRAINT IF EXISTS {quoted(name)}",
            f"SELECT {is_set} AND NOT ({_constraint_is(change, name, 'true')})",
        ),
    ]


def _foreign_key(change: Change, key: ForeignKey) -> list[Step]:
    name, alter = change.name_for(key.name), f"ALTER TABLE {qualified(change.schema, change.table)}"
    sql = (
        f"{alter} ADD CONSTRAINT {quoted(name)} FOREIGN KEY ({listed(_replaced(change, key.columns))}) "
        f"REFERENCES {qualified(key.other_schema, key.other_table)} ({listed(key.other_columns)})"
        + (" MATCH FULL" if key.match == FULL_MATCH else "")
        + f" ON UPDATE {ACTIONS[key.on_update]} ON DELETE {ACTIONS[key.on_delete]}"
        + (" DEFERRABLE" if key.deferrable else "")
        + (" INITIALLY DEFERRED" if key.deferred else "")
        + " NOT VALID"
    )
    return [
        Step(sql, _constraint_is(change, name, "true")),
        Step(f"{alter} VALIDATE CONSTRAINT {quoted(name)}", _constraint_is(change, name, "convalidated"), patient=True),
    ]


def _constraint_is(change: Change, name: str, condition: str) -> str:
    table = literal(qualified(change.schema, change.table))
    return (
        f"SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid = {table}::regclass "
        f"AND conname = {literal(name)} AND {condition})"
    )


def _replaced(change: Change, columns: Sequence[str]) -> list[str]:
    return [change.new if column == change.old else column for column in columns]
