# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds what a session waits for. Reads pg_stat_activity from another session; touches nothing.

PostgreSQL tells it only while the session waits, so a thread looks while the session works: seldom, and at the lock
manager only when the session waits for a lock.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .._common.address import without
from . import grammar
from .session import Session

TICK = 0.05
LOOKS_A_WAIT = 4
MOST_PAUSE = 1.0
MOST_NAMED = 3
MOST_OF_QUERY = 80
MOST_OF_APPLICATION = 64
_HIDDEN = "<insufficient privilege>"
_CLIENT = "client backend"
_VALUES = frozenset({"SCONST", "USCONST", "ICONST", "FCONST", "BCONST", "XCONST"})
_FIRST_WORD = re.compile(r"\A\s*([A-Za-z]+)")
_ACTIVE = "active"
_WAITED_FOR = """
SELECT b.pid, a.application_name, a.usename, a.backend_type, a.state,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8, a.query, a.wait_event_type = 'Lock', current_user
FROM pg_stat_activity AS me CROSS JOIN LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(me.pid))) AS b (pid)
LEFT JOIN pg_stat_activity AS a ON a.pid = b.pid
WHERE me.pid = %s AND me.wait_event_type = 'Lock'
ORDER BY a.wait_event_type IS NOT DISTINCT FROM 'Lock', a.xact_start NULLS LAST, b.pid"""


@dataclass(frozen=True)
class Blocker:
    """A session that holds a lock, or waits for it in front.

    :param pid: of its backend; 0 for a prepared transaction, which has none.
    :param kind: as ``backend_type`` of pg_stat_activity has it; ``None`` where the looking user may not see it.
    :param seconds: the age of its transaction.
    :param query: the last one, as it was sent. It may hold secrets.
    :param waits: it waits for a lock itself.
    :param seen_by: the user who has looked.
    """

    pid: int
    application: str | None = None
    user: str | None = None
    kind: str | None = None
    state: str | None = None
    seconds: float | None = None
    query: str | None = None
    waits: bool | None = None
    seen_by: str = ""

    def shown(self) -> str:
        """For people, without the values of its query."""
        if not self.pid:
            return "a prepared transaction (see pg_prepared_xacts)"
        if self.query == _HIDDEN:
            hidden = f"its state and query are hidden from {self.seen_by}, whom a grant of pg_read_all_stats shows them"
            return f"pid {self.pid} ({', '.join([*self._who(), hidden])})"
        state = ["waits for a lock itself"] if self.waits else [self.state] if self.state else []
        age = [f"transaction {self.seconds:.1f} s old"] if self.seconds is not None else []
        said = [*self._who(), *state, *age, *self._what()] or ["it has just ended"]
        return f"pid {self.pid} ({', '.join(said)})"

    def _who(self) -> list[str]:
        kind = self.kind if self.kind not in (None, _CLIENT) else None
        named = self.application[:MOST_OF_APPLICATION] if self.application else None
        return [one for one in (named, kind, self.user and f"user {self.user}") if one]

    def _what(self) -> list[str]:
        text = outline(self.query or "")
        return [f"{'query' if self.state == _ACTIVE else 'last query'} {text}"] if text else []


def outline(query: str) -> str:
    """The beginning of a query in one line, without values and comments; one word of what cannot be read."""
    tokens = grammar.tokens_of_any(query)
    if tokens is None:
        return "".join(_FIRST_WORD.findall(query))
    text, end = "", 0
    for token in tokens:
        text += " " if text and token.start > end else ""
        text += "?" if token.name in _VALUES else query[token.start : token.end + 1]
        end = token.end + 1
    return text if len(text) <= MOST_OF_QUERY else f"{text[: MOST_OF_QUERY - 3]}..."


def named(blockers: Sequence[Blocker], secrets: Collection[str]) -> list[str]:
    """The first of them, for people."""
    shown = [without(one.shown(), secrets) for one in blockers[:MOST_NAMED]]
    more = len(blockers) - len(shown)
    return [*shown, f"{more} more"] if more > 0 else shown


def to_end(blockers: Sequence[Blocker]) -> list[int]:
    """The backends that can be ended to get the lock; of those who only wait for it, none while others hold it."""
    holders = [one for one in blockers if not one.waits] or blockers
    return [one.pid for one in holders[:MOST_NAMED] if one.pid]


class Watch:
    """Looks at whom a session waits for, from another session.

    :param session: looks; nothing else may use it while something is watched.
    :param pid: of the backend that works.
    """

    def __init__(self, session: Session, pid: int) -> None:
        self._session = session
        self._pid = pid
        self._pause = MOST_PAUSE
        self._began: float | None = None
        self._seen: list[Blocker] = []
        self._looking = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_caught: object) -> None:
        self._over.set()
        self._thread.join()

    @contextmanager
    def over(self, lock_timeout: float) -> Iterator[None]:
        """Watch what is done meanwhile.

        :param lock_timeout: seconds that it may wait for a lock.
        """
        self._seen = []
        self._pause = min(MOST_PAUSE, lock_timeout / LOOKS_A_WAIT)
        self._began = time.monotonic()
        try:
            yield
        finally:
            with self._looking:
                self._began = None

    def seen(self) -> list[Blocker]:
        """Whom it has last waited for, those first who do not wait themselves, the oldest transaction first."""
        return self._seen

    def _look_again_and_again(self) -> None:
        last = 0.0
        while not self._over.wait(min(TICK, self._pause / 2)):
            with self._looking:
                if self._began is not None and time.monotonic() - max(last, self._began) >= self._pause:
                    self._look()
                    last = time.monotonic()

    def _look(self) -> None:
        """Look once; a session that is lost sees nothing, which whoever holds its lock finds out."""
        try:
            rows: list[tuple[Any, ...]] = self._session.rows(_WAITED_FOR, (self._pid,))
        except (self._session.driver.Error, UnicodeDecodeError):
            return
        if rows:
            self._seen = [Blocker(*row) for row in rows]
