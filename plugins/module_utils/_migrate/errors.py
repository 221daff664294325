# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's errors mean for an operator: what happened, where, and the remedy. Touches nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .._common.address import without
from .._common.errors import SystemFailure
from .._gate.sql import described
from .statements import Statement
from .transactions import node

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"
NO_RIGHT = "42501"
AGAIN = "run it again; it goes on where it stopped"
OUTSIDE = "move the statement to a file of its own with '-- slipway:transaction off' at its top"
_REMEDIES = {
    LOCK_NOT_AVAILABLE: "end the transaction that holds the lock (see pg_locks and pg_stat_activity); run it again",
    DEADLOCK: "run it again when the other transaction has ended",
    "57014": "raise statement_timeout in the file's header, or do the work in smaller steps",
    NO_RIGHT: "grant the database user what the statement needs, or name the owner in 'role'",
    "25006": "connect to the primary, or let the database take writes (default_transaction_read_only, a standby)",
    "53100": "free space on the server's disk, then run it again",
    "53200": "give the server memory, or do the work in smaller steps",
    "53300": "raise max_connections, or close connections; two are needed",
    "28P01": "correct the user or the password of the connection",
    "28000": "let the server's pg_hba.conf admit this user from this host",
    "3D000": "name a database that exists",
    "3F000": "create the schema, or set 'create_schemas'",
    "22P05": "write what the encoding of the database can hold, or give the database the encoding UTF8",
    "23505": "remove the duplicates, then run it again",
    "25001": OUTSIDE,
    "2D000": OUTSIDE,
    "57P01": AGAIN,
    "57P02": AGAIN,
    "57P03": "wait until the server has started, then run it again",
}
_NO_SESSION = "check host, port and network, and that the server runs; then run it again, it goes on where it stopped"
_OTHER = "correct the migration; nothing of this statement has stayed"
_INDEX_STAYS = (
    "correct the migration; an invalid index may have stayed, which is dropped by the run that builds one of its name"
    " (otherwise drop it with DROP INDEX CONCURRENTLY)"
)
_PART_STAYS = "correct the migration; what this statement did before the error may have stayed"


class DatabaseError(SystemFailure):
    """PostgreSQL refused or could not be asked.

    :param sqlstate: PostgreSQL's code of the error; empty when there was no session.
    """

    kind = "database"

    def __init__(self, what: str, *, where: str, remedy: str, sqlstate: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.sqlstate = sqlstate


def explained(exc: Any, where: str, parsed: Mapping[str, str], secrets: Collection[str] = ()) -> DatabaseError:
    """An error of psycopg2 for the operator.

    :param parsed: the parts of the connection string, whose secrets stay out.
    :param secrets: what stays out beside them.
    """
    code = str(exc.pgcode or "")
    remedy = _REMEDIES.get(code, _OTHER if code and not code.startswith("08") else _NO_SESSION)
    if not code:
        remedy = next((_REMEDIES[state] for text, state in _BY_TEXT.items() if text in str(exc)), remedy)
    what = without(described(exc, parsed), secrets).partition(": ")
    text = f"{what[2].strip()} (SQLSTATE {code})" if code else what[2].strip() or what[0]
    return DatabaseError(text, where=where, remedy=remedy, sqlstate=code)


def held_up(error: DatabaseError, blockers: Sequence[str], pids: Sequence[int]) -> DatabaseError:
    """The error of a statement that got no lock, with those who had it.

    :param blockers: for people; empty when none was seen.
    :param pids: of those of them whose end gives the lock.
    """
    whom = "; ".join(blockers) or "somebody who was not seen"
    error.what = f"{error.what}; it waited for {whom}"
    if pids and error.sqlstate == LOCK_NOT_AVAILABLE:
        ends = ", ".join(f"SELECT pg_terminate_backend({pid})" for pid in pids)
        error.remedy = f"let that transaction end, or end the transaction that holds the lock ({ends}); run it again"
    return error


def of_unprotected(error: DatabaseError, statement: Statement) -> DatabaseError:
    """The error of a statement that ran in no transaction, of which something may have stayed."""
    if error.remedy == _OTHER:
        error.remedy = _INDEX_STAYS if node(statement.tree) == "IndexStmt" else _PART_STAYS
    return error


def of_query(error: DatabaseError) -> DatabaseError:
    """The error of a query that is not of a migration."""
    if error.remedy == _OTHER:
        error.remedy = "correct the query; nothing was changed"
    if error.sqlstate == NO_RIGHT:
        error.remedy = (
            "grant the database user what the query reads, and BYPASSRLS where a policy hides rows of it,"
            " or name the owner in 'role'"
        )
    return error


_BY_TEXT = {
    "password authentication failed": "28P01",
    "no pg_hba.conf entry": "28000",
    "pg_hba.conf rejects": "28000",
    "does not exist": "3D000",
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "starting up": "57P03",
}


def place(source: str, statement: Statement, exc: Any) -> str:
    """File, line and column of what an error is about, as exactly as PostgreSQL says it."""
    position = getattr(getattr(exc, "diag", None), "statement_position", None)
    before = statement.text[: int(position) - 1] if position else ""
    newlines = before.count("\n")
    column = len(before) - before.rfind("\n") if newlines else statement.column + len(before)
    return f"{source}:{statement.line + newlines}:{column}"
