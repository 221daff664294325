# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far backfills have come: one row each in a table of their own, changed in the transaction of each batch.

Touches the table ``slipway_backfills``, or another one, in the schema of the tables, which it makes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from ..._common.errors import StateError
from ..quoting import literal, qualified
from .session import Session, SqlError
from .target import Target

SCHEMA = 1
MADE_MEANWHILE = ("23505", "42P07")
TABLE = "slipway_backfills"
RUNNING, FINISHED = "running", "finished"


@dataclass
class Progress:
    """One backfill.

    :ivar sweep: 1 for the work, from 2 on for the passes that look for what it missed.
    :ivar after: key of the last row that is done in this pass; ``None`` at its beginning.
    :ivar left_out: keys of rows that others had locked when their batch was done.
    :ivar found: rows changed in this pass.
    :ivar changed: rows changed at all.
    :ivar scanned: rows that this pass has been through.
    :ivar rows: how many the table has, estimated when the pass began.
    :ivar seconds: spent so far, pauses included.
    :ivar waiting: why nothing is being done now; empty when something is.
    """

    name: str
    digest: str
    definition: dict[str, Any]
    batch_size: int
    state: str = RUNNING
    sweep: int = 1
    after: list[str] | None = None
    left_out: list[list[str]] | None = None
    found: int = 0
    changed: int = 0
    batches: int = 0
    scanned: int = 0
    rows: int = 0
    seconds: float = 0.0
    waiting: str = ""

    @property
    def rate(self) -> float:
        """Rows of the table per second, in all runs of this pass."""
        return self.scanned / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """An estimate for this pass; ``None`` when nothing is known."""
        return max(0, self.rows - self.scanned) / self.rate if self.rate else None


_COLUMNS = (
    "schema_version, digest, definition, batch_size, state, sweep, after, left_out, found, changed, batches, scanned, "
    "rows, seconds, waiting"
)


class Record:
    """The row of one backfill.

    :param schema: that holds the record's table.
    """

    def __init__(self, session: Session, schema: str, table: str) -> None:
        self._session = session
        self._place = (schema, table)
        self._table = qualified(schema, table).replace("%", "%%")

    def make_table(self) -> None:
        """Make the table where it is missing."""
        if self.table_exists():
            return
        try:
            self._session.run(self._creation())
        except SqlError as exc:
            if exc.sqlstate not in MADE_MEANWHILE or not self.table_exists():
                raise

    def _creation(self) -> str:
        table = qualified(*self._place)
        return (
            f"CREATE TABLE IF NOT EXISTS {table} ("
            "name text PRIMARY KEY, schema_version integer NOT NULL, digest text NOT NULL, definition jsonb NOT NULL, "
            "batch_size integer NOT NULL, state text NOT NULL, sweep integer NOT NULL, after jsonb, left_out jsonb, "
            "found bigint NOT NULL, changed bigint NOT NULL, batches bigint NOT NULL, scanned bigint NOT NULL, "
            "rows bigint NOT NULL, seconds double precision NOT NULL, waiting text NOT NULL, "
            "rate double precision, seconds_left double precision, "
            "pid integer, started_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL, "
            "finished_at timestamptz); "
            f"COMMENT ON TABLE {table} IS {literal('slipway.release: how far backfills have come')}"
        )

    def table_exists(self) -> bool:
        """The table is there."""
        found = self._session.rows(
            "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relname = %s",
            self._place,
        )
        return bool(found)

    def load(self, name: str) -> Progress | None:
        """The backfill of this name; ``None`` when there was never one.

        :raises StateError: a newer program has written it.
        """
        if not self.table_exists():
            return None
        found = self._session.rows(f"SELECT {_COLUMNS} FROM {self._table} WHERE name = %s", (name,))
        if not found:
            return None
        version, *values = found[0]
        if version > SCHEMA:
            raise StateError(
                f"the record has schema {version}, this collection understands up to {SCHEMA}",
                where=f"backfill {name}",
                remedy="upgrade slipway.release on the controller",
            )
        return Progress(name, *values)

    def begin(self, progress: Progress) -> bool:
        """Write the first row of a backfill; false when somebody else just has."""
        written = self._session.rows(
            f"INSERT INTO {self._table} (name, {_COLUMNS}, updated_at) VALUES "
            "(%s, %s, %s, %s::jsonb, %s, %s, %s, %s::jsonb, %s::jsonb, %s, %s, %s, %s, %s, %s, %s, clock_timestamp()) "
            "ON CONFLICT (name) DO NOTHING RETURNING 1",
            (progress.name, SCHEMA, progress.digest, json.dumps(progress.definition), *_values(progress)),
        )
        return bool(written)

    def save(self, progress: Progress) -> None:
        """Write how far it has come; the caller's transaction makes that true together with the work.

        :raises StateError: the row is gone.
        """
        found = self._session.rows(
            f"UPDATE {self._table} SET batch_size = %s, state = %s, sweep = %s, after = %s::jsonb, "
            "left_out = %s::jsonb, found = %s, changed = %s, batches = %s, scanned = %s, rows = %s, seconds = %s, "
            "waiting = %s, rate = %s, seconds_left = %s, pid = %s, updated_at = clock_timestamp(), "
            "finished_at = CASE WHEN %s THEN clock_timestamp() END WHERE name = %s RETURNING 1",
            (
                *_values(progress),
                progress.rate,
                progress.seconds_left,
                self._session.pid,
                progress.state == FINISHED,
                progress.name,
            ),
        )
        if not found:
            raise StateError(
                "its row is gone", where=f"backfill {progress.name}", remedy="see who has removed it, then run again"
            )


def _values(progress: Progress) -> tuple[Any, ...]:
    """In the order of the columns from ``batch_size`` on."""
    return (
        progress.batch_size,
        progress.state,
        progress.sweep,
        json.dumps(progress.after),
        json.dumps(progress.left_out),
        progress.found,
        progress.changed,
        progress.batches,
        progress.scanned,
        progress.rows,
        progress.seconds,
        progress.waiting,
    )


def continued(found: Progress | None, target: Target, batch_size: int) -> Progress:
    """Where to go on, or a beginning.

    :raises StateError: the definition has changed since.
    """
    definition = target.definition
    if found is None:
        shown = definition.as_dict()
        return Progress(definition.name, definition.digest, shown, batch_size, rows=target.rows)
    if found.digest != definition.digest:
        raise StateError(
            f"its definition has changed: {_difference(found.definition, definition.as_dict())}",
            where=f"backfill {definition.name}",
            remedy="give the changed one a name of its own, or restore the definition that was begun",
        )
    return found


def begun_again(finished: Progress, target: Target) -> Progress:
    """Another beginning of a backfill that had been finished."""
    return replace(
        finished, state=RUNNING, sweep=1, after=None, found=0, scanned=0, rows=target.rows, seconds=0.0, waiting=""
    )


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    names = [name for name in after if before.get(name) != after[name]]
    return ", ".join(f"{name} was {json.dumps(before.get(name))}" for name in names) or "it was another one"
