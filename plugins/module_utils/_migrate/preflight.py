# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server can be migrated through this connection. Reads from it, and changes nothing.

A pooler in transaction mode gives a session's statements to any backend, so that locks stay behind and settings are
lost. It is known by its greeting: the process id that a server sends at the start is that of the backend, a pooler's is
its own invention. Two transactions at the same time then tell whether the backend is that of the session.
"""

from __future__ import annotations

from .._common.errors import StateError
from .session import OLDEST, Access, Session

DIRECT = "connect to the server itself, usually port 5432, and not through PgBouncer or another pooler"
_SHORT = 3


def require_fit(session: Session, *, session_pooler: bool) -> None:
    """Refuse what cannot be migrated.

    :raises StateError: the server is too old or takes no writes, or a pooler is between.
    """
    where = session.access.shown()
    _refuse_pooler(session, session_pooler=session_pooler)
    if session.connection.server_version < OLDEST:
        raise StateError(
            f"the server has version {session.connection.server_version // 10000}",
            where=where,
            remedy=f"upgrade it to PostgreSQL {OLDEST // 10000} or newer",
        )
    ((recovering, read_only, role_fits),) = session.ask(
        "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,"
        " %(role)s = '' OR EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s AND pg_has_role(oid, 'MEMBER'))",
        {"role": session.access.role},
    )
    if recovering:
        raise StateError("the server is a standby, which takes no writes", where=where, remedy="connect to the primary")
    if read_only:
        raise StateError(
            "the database takes no writes (default_transaction_read_only is on)",
            where=where,
            remedy="set it to off for this database or user, or connect to the server that takes writes",
        )
    if not role_fits:
        raise StateError(
            f"the user of the connection cannot act as the role '{session.access.role}'",
            where=where,
            remedy="create the role, and grant it to the user",
        )


def _refuse_pooler(session: Session, *, session_pooler: bool) -> None:
    greeted, backend = session.connection.get_backend_pid(), int(session.ask("SELECT pg_backend_pid()")[0][0])
    if greeted == backend:
        return
    where = session.access.shown()
    if _swaps_backends(session.access, session, backend):
        raise StateError(
            "a pooler in transaction mode is between here and the server, where a lock would not hold",
            where=where,
            remedy=DIRECT,
        )
    if not session_pooler:
        raise StateError(
            "a pooler is between here and the server",
            where=where,
            remedy=f"{DIRECT}; or, if it gives a session one backend until its end, set 'session_pooler'",
        )


def _swaps_backends(access: Access, session: Session, backend: int) -> bool:
    """Whether another session gets this one's backend, or this one gets another while that is busy."""
    with Session(access, "probe") as other:
        try:
            other.run("BEGIN")
            other.run(f"SET LOCAL idle_in_transaction_session_timeout = '{_SHORT}s'")
            taken = other.one("SELECT pg_backend_pid()")
            return taken == backend or _backend(session) != backend
        except other.driver.Error:
            return True
        finally:
            other.roll_back()


def _backend(session: Session) -> int:
    return int(session.one("SELECT pg_backend_pid()"))
