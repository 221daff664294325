# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table in PostgreSQL, to which a role that may do nothing but INSERT adds. Needs psycopg2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..._migrate.session import Access, psycopg2
from ..record import Record
from .base import Capabilities, Options, Sink, SinkError

_TABLE = re.compile(r"([a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*")
_INSERT = "INSERT INTO {table} (hash, origin, stream, segment, seq, record) VALUES {rows} ON CONFLICT DO NOTHING"
_ROW = "(%s, %s, %s, %s, %s, %s)"


class Postgresql(Sink):
    """The hash is the primary key. Two records of one number and different hashes are both kept: a fork is seen."""

    capabilities = Capabilities(acknowledges=True, idempotent=True, immutable=True)

    def __init__(self, access: Access, table: str, origin: str) -> None:
        self.access = access
        self.table = table
        self.origin = origin
        self.connection: Any = None

    def deliver(self, batch: Sequence[Record], timeout: float) -> None:
        """One statement for the batch, durable when it is committed."""
        driver = psycopg2()
        values = [
            value
            for it in batch
            for value in (it.hash, self.origin, it.stream, it.segment, it.seq, it.line.decode("utf-8"))
        ]
        try:
            connection = self._connected(driver, timeout)
            with connection, connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {max(1, int(timeout * 1000))}")
                cursor.execute("SET LOCAL synchronous_commit = on")
                cursor.execute(_INSERT.format(table=self.table, rows=", ".join([_ROW] * len(batch))), values)
        except driver.Error as exc:
            self.close()
            reason = (exc.diag.message_primary if getattr(exc, "diag", None) else None) or type(exc).__name__
            raise SinkError(
                f"the database has not taken the records: {reason}",
                where=self.access.shown(),
                remedy="see the server's log, and that the table is the one of docs/audit.md; they are sent again",
            ) from None

    def _connected(self, driver: Any, timeout: float) -> Any:
        if self.connection is None:
            wait = max(2, int(timeout))
            self.connection = driver.connect(self.access.dsn, connect_timeout=wait, application_name="slipway audit")
        return self.connection

    def secrets(self) -> set[str]:
        """The password."""
        return self.access.secrets() if self.access.dsn else set()

    def close(self) -> None:
        """End the session."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def make(options: Options) -> Postgresql:
    """Read ``dsn``, ``table`` and ``origin``."""
    dsn, table, origin = options.text("dsn", ""), options.text("table", "slipway_audit"), options.text("origin")
    options.end()
    if not _TABLE.fullmatch(table):
        raise options.refused("table", "must be a name in lower case, with its schema before a dot if it needs one")
    return Postgresql(Access(dsn, option="sinks: dsn"), table, origin)
