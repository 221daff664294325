# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session that works in transactions of its own, and errors that say what to do about a backfill.

Touches the database it is connected to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .. import session as plain
from ..errors import DatabaseError, explained
from ..lock import Lock
from ..preflight import require_fit
from ..session import Access

SETTINGS = {
    "idle_in_transaction_session_timeout": "10s",
    "client_connection_check_interval": "1s",
    "datestyle": "ISO",
    "row_security": "off",
    "enable_seqscan": "off",
    "jit": "off",
}
QUERY_TIMEOUT_MS = 10000
INTERNAL = "XX000"
ENDED_BY_ADMINISTRATOR = "57P01"
_OTHER = "correct what the server complains about, then run again; it goes on where it was"
_REMEDIES = {
    "42703": "correct the name of the column",
    "42P01": "correct the name of the table",
    "42601": "correct the SQL",
    "42883": "correct the expression, or give the function with its schema",
}
_OF_THE_MIGRATION = "correct the migration"


class SqlError(DatabaseError):
    """The server refused a statement, or went away."""

    @property
    def of_data(self) -> bool:
        """Some row cannot be changed as it was asked for: data exception, or a constraint."""
        return self.sqlstate[:2] in ("22", "23")


def is_lost(exc: DatabaseError) -> bool:
    """The connection has ended, so that a new one may do."""
    return not exc.sqlstate or exc.sqlstate[:2] == "08" or exc.sqlstate[:3] == "57P"


class Session:
    """A connection whose transactions are begun and ended in so many words.

    :param settings: of the session; one that the server does not know is left out.
    :param session_pooler: a pooler that keeps one backend for a session may be between.
    :raises DatabaseError: the server cannot be reached.
    :raises StateError: it takes no writes, is too old, or a pooler is between.
    """

    def __init__(
        self, access: Access, purpose: str, settings: Mapping[str, str], *, session_pooler: bool = False
    ) -> None:
        self._plain = plain.Session(access, purpose)
        require_fit(self._plain, session_pooler=session_pooler)
        if access.role:
            self.run(f"SET ROLE {self._plain.quoted(access.role)}")
        for name, value in {**SETTINGS, **settings}.items():
            self.rows("SELECT set_config(name, %s, false) FROM pg_catalog.pg_settings WHERE name = %s", (value, name))

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query gives.

        :param query: with %s for values, and %% for a percent sign.
        :raises SqlError: the server refused it.
        """
        try:
            return self._plain.rows(query, tuple(values))
        except self._plain.driver.Error as exc:
            raise self._refusal(exc) from None

    def run(self, statements: str) -> None:
        """Run statements that have no parameters, as they are written.

        :raises SqlError: the server refused one.
        """
        try:
            self._plain.run(statements)
        except self._plain.driver.Error as exc:
            raise self._refusal(exc) from None

    @contextmanager
    def transaction(self, statement_timeout_ms: int = 0) -> Iterator[None]:
        """Commit what is done inside, or none of it.

        :param statement_timeout_ms: milliseconds that a statement inside may take; 0 for what the session has.
        """
        limit = f"; SET LOCAL statement_timeout = {int(statement_timeout_ms)}" if statement_timeout_ms else ""
        self.run(f"BEGIN{limit}")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._plain.roll_back()
            raise

    def lock(self, seconds: float, *parts: str) -> None:
        """Hold an advisory lock until the session ends; asked for again and again, never waited for in the server.

        :raises LeaseError: another session kept it for as long as that.
        """
        Lock(self._plain, *parts).take(seconds)

    @property
    def pid(self) -> int:
        """Process of the server that serves this session."""
        return int(self._plain.connection.get_backend_pid())

    def close(self) -> None:
        """End the session; what it holds locked is free again."""
        self._plain.close()

    def _refusal(self, exc: Any) -> SqlError:
        found = explained(exc, self._plain.access.shown(), self._plain.parsed)
        usual = _OTHER if found.remedy.startswith(_OF_THE_MIGRATION) else found.remedy
        remedy = _REMEDIES.get(found.sqlstate, usual)
        state = found.sqlstate or ("" if self._plain.lost else INTERNAL)
        return SqlError(found.what, where=found.where, remedy=remedy, sqlstate=state)
