# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock that lets one runner at a time migrate a schema. Touches PostgreSQL's advisory locks.

It is held by a session that does nothing else, and never waited for inside of a transaction: a runner that waits in one
would be waited for by CREATE INDEX CONCURRENTLY. A second lock is held by the session that works, because the server
goes on with a statement whose client was killed, and nobody else may begin before it has ended.
"""

from __future__ import annotations

import hashlib
import time

from .._common.errors import LeaseError, StateError
from .errors import explained
from .session import Session

POLL = 0.1
MOST_POLL = 1.0


def key_of(*parts: str) -> int:
    """The number of a lock, the same for every runner that means the same."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


class Lock:
    """An advisory lock of a session.

    :param parts: what it protects: database, schema, table, purpose.
    :param shared: others that share it may hold it too.
    :param busy: why it cannot be had.
    """

    def __init__(
        self, session: Session, *parts: str, shared: bool = False, busy: str = "another runner migrates it"
    ) -> None:
        self._session = session
        self._try = f"pg_try_advisory_lock{'_shared' if shared else ''}"
        self._unlock = f"pg_advisory_unlock{'_shared' if shared else ''}"
        self._busy = busy
        self._what = ".".join(parts[:3])
        self._key = key_of(*parts)
        self._backend = 0

    def take(self, seconds: float) -> None:
        """Take it, asking again until the deadline.

        :raises LeaseError: another one has it.
        :raises DatabaseError: the session is lost.
        """
        deadline, pause = time.monotonic() + seconds, POLL
        while not self._session.ask(f"SELECT {self._try}(%s)", (self._key,))[0][0]:
            if time.monotonic() + pause > deadline:
                raise LeaseError(
                    f"{self._busy} ({self._holder()}), and did not end in {seconds:g} seconds",
                    where=self._what,
                    remedy="wait for it, or raise 'lock_deadline'",
                )
            time.sleep(pause)
            pause = min(MOST_POLL, pause * 1.5)
        self._backend = self._present_backend()

    def require(self) -> None:
        """Check that the lock is still held: only the backend that took it can give it back, and does so when it ends.

        This is asked before each file, so it must not look through pg_locks, which stops all who take locks.

        :raises StateError: it is not.
        """
        if self._present_backend() != self._backend:
            raise StateError(
                "the lock was lost on the way", where=self._what, remedy="run it again; it goes on where it stopped"
            )

    def give_back(self) -> None:
        """Release it.

        :raises StateError: it was not held.
        """
        if self._session.lost or not self._session.ask(f"SELECT {self._unlock}(%s)", (self._key,))[0][0]:
            raise StateError(
                "the lock was not held any more at the end",
                where=self._what,
                remedy="see that nothing closes the session (a pooler, idle_session_timeout), and run it again",
            )

    def _present_backend(self) -> int:
        try:
            return int(self._session.one("SELECT pg_backend_pid()"))
        except self._session.driver.Error as exc:
            raise explained(exc, self._what, self._session.parsed) from None

    def _holder(self) -> str:
        rows = self._session.ask(_HOLDER, (self._high(), self._low()))
        return f"backend {rows[0][0]}, {rows[0][1]}, since {rows[0][2]}" if rows else "its backend has just ended"

    def _high(self) -> int:
        return (self._key >> 32) & 0xFFFFFFFF

    def _low(self) -> int:
        return self._key & 0xFFFFFFFF


_SAME = (
    "locktype = 'advisory' AND objsubid = 1 AND classid = %s AND objid = %s AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_HOLDER = (
    "SELECT a.pid, coalesce(host(a.client_addr), 'local'), a.backend_start::timestamp(0)"
    f" FROM pg_locks JOIN pg_stat_activity AS a USING (pid) WHERE {_SAME} LIMIT 1"
)
