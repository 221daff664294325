# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a schema's migrations: one row per file, and one per statement. Touches the history's table.

The row of a file has the statement number 0, those of its way back have negative numbers. The comment of the table says
which form the table has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .._common.errors import StateError
from .session import Session

FORM = 1
RUNNING, APPLIED, FAILED, UNDOING, UNDONE = "running", "applied", "failed", "undoing", "undone"
OWN, BASELINE, FLYWAY, GOLANG = "slipway", "baseline", "flyway", "golang-migrate"
COMMENT = "slipway.release: history of migrations, form "
LONGEST_ERROR = 2_000
_COLUMNS = (
    "migration, statement, name, file, phase, checksum, state, origin,"
    " extract(epoch FROM started)::float8, duration_ms, line, error, token"
)


@dataclass(frozen=True)
class StatementRow:
    """What is known of one statement of a file that is not wholly applied."""

    number: int
    checksum: str
    state: str


@dataclass(frozen=True)
class Entry:
    """What is known of one migration.

    :param duration: milliseconds; ``None`` when it has not been applied by a runner.
    :param statements: by their numbers, only of what has begun and not ended.
    """

    key: str
    name: str
    file: str
    phase: str
    checksum: str
    state: str
    origin: str
    started: datetime
    duration: int | None
    error: str
    token: int | None
    statements: dict[int, StatementRow] = field(default_factory=dict)

    def stays(self) -> bool:
        """Whether the schema holds something of it."""
        if self.state == FAILED:
            return any(row.state == APPLIED for row in self.statements.values())
        return self.state != UNDONE

    def age(self, now: datetime) -> int:
        """Seconds since it was applied.

        :param now: by the server's clock, as the history is.
        """
        return int((now - self.started).total_seconds() - (self.duration or 0) / 1_000)


@dataclass(frozen=True)
class Row:
    """One row to write, of the file (number 0) or of a statement.

    :param age: milliseconds since it began.
    :param duration: milliseconds that it took; ``None`` when it has not ended.
    """

    number: int
    checksum: str
    state: str
    line: int = 0
    age: int = 0
    duration: int | None = None
    error: str = ""


@dataclass(frozen=True)
class Writer:
    """Who writes: what each row says beside the migration."""

    tool: str = ""
    deployment: str = ""
    token: int | None = None


class History:
    """The history in one schema.

    :param table: name of the table.
    """

    def __init__(self, session: Session, schema: str, table: str, writer: Writer) -> None:
        self.session = session
        self.schema = schema
        self.table = table
        self.writer = writer
        self.name = f"{session.quoted(schema)}.{session.quoted(table)}"

    def exists(self) -> bool:
        """Whether there is a table of this form.

        :raises StateError: there is one of a newer form, or one of somebody else.
        """
        rows = self.session.ask(
            "SELECT obj_description(c.oid, 'pg_class')"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace"
            " WHERE nspname = %s AND relname = %s",
            (self.schema, self.table),
        )
        if not rows:
            return False
        found = re.fullmatch(re.escape(COMMENT) + r"(\d+)", rows[0][0] or "")
        where = f"{self.schema}.{self.table}"
        if not found:
            raise StateError("is no history of this runner", where=where, remedy="name another table in 'table'")
        if int(found[1]) > FORM:
            raise StateError(
                f"the history has form {found[1]}, this collection knows up to {FORM}",
                where=where,
                remedy="upgrade slipway.release",
            )
        return True

    def create(self) -> None:
        """Make the table, in a transaction of its own."""
        self.session.order(_CREATE.format(table=self.name, comment=self.session.literal(f"{COMMENT}{FORM}")))

    def read(self) -> dict[str, Entry]:
        """All entries by migration."""
        entries = {
            row[0]: _entry(row)
            for row in self.session.ask(f"SELECT {_COLUMNS} FROM {self.name} WHERE statement = 0 ORDER BY started")
        }
        unfinished = [key for key, entry in entries.items() if entry.state in (RUNNING, FAILED, UNDOING)]
        if unfinished:
            rows = self.session.ask(
                f"SELECT migration, statement, checksum, state FROM {self.name}"
                " WHERE statement <> 0 AND migration = ANY(%s)",
                (unfinished,),
            )
            for key, number, checksum, state in rows:
                entries[key].statements[number] = StatementRow(number, checksum, state)
        return entries

    def upsert(self, key: str, name: str, file: str, phase: str, rows: Iterable[Row], origin: str = OWN) -> str:
        """SQL that writes rows of one migration."""
        literal = self.session.literal
        writer = f"{literal(self.writer.tool)}, {literal(self.writer.deployment)}, {literal(self.writer.token)}"
        common = f"{literal(name)}, {literal(file)}, {literal(phase)}"
        values = ", ".join(
            f"({literal(key)}, {row.number}, {common}, {literal(row.checksum)}, {literal(row.state)},"
            f" {literal(origin)}, clock_timestamp() - interval '1 ms' * {row.age}, {literal(row.duration)}, {row.line},"
            f" {literal(row.error[:LONGEST_ERROR])}, session_user, {writer})"
            for row in rows
        )
        return _UPSERT.format(table=self.name, values=values)

    def claim(self, key: str, name: str, file: str, phase: str, checksum: str, origin: str = OWN) -> str:
        """SQL that gives a row when the migration is to be run, and none when another runner has just done it."""
        insert = self.upsert(key, name, file, phase, [Row(0, checksum, RUNNING)], origin)
        guard = f"WHERE {self.name}.state <> '{APPLIED}' OR {self.name}.checksum <> excluded.checksum"
        return f"{insert} {guard} RETURNING 1"

    def forget_statements(self, key: str) -> str:
        """SQL that deletes the rows of a migration's statements."""
        return f"DELETE FROM {self.name} WHERE migration = {self.session.literal(key)} AND statement <> 0"

    def forget(self, keys: list[str]) -> str:
        """SQL that deletes all rows of migrations."""
        return f"DELETE FROM {self.name} WHERE migration = ANY({self.session.literal(keys)})"

    def set_checksum(self, key: str, checksum: str) -> str:
        """SQL that gives a migration another checksum."""
        literal = self.session.literal
        return (
            f"UPDATE {self.name} SET checksum = {literal(checksum)} WHERE migration = {literal(key)} AND statement = 0"
        )


def _entry(row: tuple[Any, ...]) -> Entry:
    key, _statement, name, file, phase, checksum, state, origin, started, duration, _line, error, token = row
    when = datetime.fromtimestamp(started, timezone.utc)
    return Entry(key, name, file, phase, checksum, state, origin, when, duration, error, token)


_CREATE = """
CREATE TABLE IF NOT EXISTS {table} (
  migration text NOT NULL,
  statement integer NOT NULL,
  name text NOT NULL,
  file text NOT NULL,
  phase text NOT NULL,
  checksum text NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'applied', 'failed', 'undoing', 'undone')),
  origin text NOT NULL,
  started timestamptz NOT NULL,
  duration_ms bigint,
  line integer NOT NULL,
  error text NOT NULL,
  actor text NOT NULL,
  tool text NOT NULL,
  deployment text NOT NULL,
  token bigint,
  PRIMARY KEY (migration, statement)
);
COMMENT ON TABLE {table} IS {comment}
"""
_UPSERT = """
INSERT INTO {table} (migration, statement, name, file, phase, checksum, state, origin, started, duration_ms, line,
  error, actor, tool, deployment, token)
VALUES {values}
ON CONFLICT (migration, statement) DO UPDATE SET
  name = excluded.name, file = excluded.file, phase = excluded.phase, checksum = excluded.checksum,
  state = excluded.state, origin = excluded.origin, started = excluded.started, duration_ms = excluded.duration_ms,
  line = excluded.line, error = excluded.error, actor = excluded.actor, tool = excluded.tool,
  deployment = excluded.deployment, token = excluded.token
"""
