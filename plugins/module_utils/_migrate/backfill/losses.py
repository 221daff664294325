# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a lost connection is worth another one. Reads when the server started, and how many sessions were ended.

What the server says to a session that it ends seldom reaches psycopg2, so the server is asked afterwards: it counts the
sessions of a database that somebody has ended (PostgreSQL 14 and newer), and forgets the count in a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..._common.errors import StateError
from ..errors import DatabaseError
from ..retry import BackOff
from .session import ENDED_BY_ADMINISTRATOR, Session
from .worker import Clock

RECONNECT_SECONDS = 30
MOST_IN_VAIN = 3
_STANDING = """
SELECT pg_catalog.pg_postmaster_start_time(),
       (SELECT (pg_catalog.to_jsonb(d) ->> 'sessions_killed')::int8 FROM pg_catalog.pg_stat_database d
        WHERE d.datname = pg_catalog.current_database())
"""


@dataclass(frozen=True)
class Standing:
    """Of a server, when a connection was made.

    :ivar killed: sessions that somebody has ended; ``None`` when the server does not count them.
    """

    started: datetime
    killed: int | None

    def ended_one(self, before: Standing, sqlstate: str) -> bool:
        """The server has run since, and somebody has ended a session."""
        counted = self.killed is not None and before.killed is not None and self.killed > before.killed
        return self.started == before.started and (counted or sqlstate == ENDED_BY_ADMINISTRATOR)


class Losses:
    """The connections that one run has lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._again: BackOff | None = None
        self._in_vain = 0
        self._done = (0, 0)
        self._is_connected = False
        self._standing: Standing | None = None
        self._lost: DatabaseError | None = None

    def connected(self, session: Session) -> None:
        """There is a connection.

        :raises StateError: the one before was ended by somebody, and not because the server had to stop.
        """
        standing = Standing(*session.rows(_STANDING)[0])
        if self._lost and self._standing and standing.ended_one(self._standing, self._lost.sqlstate):
            raise StateError(
                f"somebody has ended the backfill's connection while the server ran: {self._lost.what}",
                where=self._lost.where,
                remedy="ask who did and why (pg_terminate_backend); then run again, it goes on where it was",
            )
        self._standing, self._lost, self._is_connected = standing, None, True

    def wait(self, exc: DatabaseError, done: tuple[int, int]) -> None:
        """Wait before the next attempt.

        :param done: batches and rows that this run has committed.
        :raises DatabaseError: another attempt is not worth it.
        """
        if done != self._done:
            self._again, self._in_vain, self._done = None, 0, done
        self._again = self._again or BackOff(RECONNECT_SECONDS, clock=self._clock.now, sleep=self._clock.sleep)
        if self._is_connected:
            self._is_connected = False
            self._in_vain += 1
            self._lost = exc
        if self._in_vain >= MOST_IN_VAIN:
            raise DatabaseError(
                f"the connection was lost {MOST_IN_VAIN} times without a batch between: {exc.what}",
                where=exc.where,
                remedy="see in the server's log whether this statement makes it crash; then run again, it goes on "
                "where it was",
                sqlstate=exc.sqlstate,
            ) from None
        if not self._again.pause():
            raise exc
