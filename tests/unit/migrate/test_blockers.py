# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How those who hold a lock are named, and what of their queries is shown."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate.blockers import (
    MOST_NAMED,
    MOST_OF_QUERY,
    Blocker,
    Watch,
    named,
    outline,
    to_end,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Session

OUTLINES = {
    "UPDATE orders SET note = 'geheim', n = -5.2 WHERE id = 17 -- geheim": (
        "UPDATE orders SET note = ?, n = -? WHERE id = ?"
    ),
    "SELECT\n  $1 /* geheim */ FROM  a": "SELECT $1 FROM a",
    "ALTER ROLE app PASSWORD E'ge\\'heim'": "ALTER ROLE app PASSWORD ?",
    "SELECT $geheim$ x $geheim$, U&'x', b'1', x'f', \"Größe\" FROM \"Ä\"": 'SELECT ?, ?, ?, ?, "Größe" FROM "Ä"',
    "autovacuum: VACUUM a (to prevent wraparound)": "autovacuum: VACUUM a (to prevent wraparound)",
    "INSERT INTO a VALUES ('cut off by the serv": "INSERT",
    " \n": "",
    "'geheim": "",
}


@pytest.mark.parametrize("query", OUTLINES)
def test_a_query_is_shown_without_its_values(query: str) -> None:
    assert outline(query) == OUTLINES[query]


def test_only_the_beginning_of_a_query_is_shown() -> None:
    shown = outline(f"SELECT {', '.join(f'column_{number}' for number in range(50))} FROM a")
    assert len(shown) == MOST_OF_QUERY and shown.startswith("SELECT column_0, column_1,") and shown.endswith("...")


SHOWN = {
    "idle": (
        Blocker(7, "shop", "app", "client backend", "idle in transaction", 32.14, "SELECT 1"),
        "pid 7 (shop, user app, idle in transaction, transaction 32.1 s old, last query SELECT ?)",
    ),
    "active": (
        Blocker(7, "", "app", "client backend", "active", 0.0, "SELECT a"),
        "pid 7 (user app, active, transaction 0.0 s old, query SELECT a)",
    ),
    "waiting": (
        Blocker(7, "", "app", "client backend", "active", 1.0, "LOCK TABLE a", True),
        "pid 7 (user app, waits for a lock itself, transaction 1.0 s old, query LOCK TABLE a)",
    ),
    "of the server": (
        Blocker(7, "", None, "autovacuum worker", "active", 3.0, "autovacuum: ANALYZE a"),
        "pid 7 (autovacuum worker, active, transaction 3.0 s old, query autovacuum: ANALYZE a)",
    ),
    "hidden": (
        Blocker(7, "x", "app", None, None, None, "<insufficient privilege>", None, "me"),
        "pid 7 (x, user app, its state and query are hidden from me, whom a grant of pg_read_all_stats shows them)",
    ),
    "gone": (Blocker(7), "pid 7 (it has just ended)"),
    "prepared": (Blocker(0), "a prepared transaction (see pg_prepared_xacts)"),
}


@pytest.mark.parametrize("case", SHOWN)
def test_a_blocker_is_named(case: str) -> None:
    blocker, text = SHOWN[case]
    assert blocker.shown() == text


def test_a_few_are_named_and_the_others_counted_and_no_secret_is_shown() -> None:
    blockers = [Blocker(number, "shop-hunter2", "app") for number in range(1, 6)]
    shown = named(blockers, {"hunter2"})
    assert [one[:5] for one in shown] == ["pid 1", "pid 2", "pid 3", "2 mor"]
    assert "hunter2" not in "".join(shown)
    assert len(named(blockers[:3], ())) == 3


def test_those_who_only_wait_need_not_be_ended() -> None:
    reader, waiting, prepared, gone = Blocker(7), Blocker(8, waits=True), Blocker(0), Blocker(9, waits=None)
    assert to_end([reader, gone, waiting]) == [7, 9]
    assert to_end([prepared, waiting]) == []
    assert to_end([waiting, Blocker(10, waits=True)]) == [8, 10]
    assert len(to_end([Blocker(number) for number in range(1, 9)])) == MOST_NAMED


class Server:
    """Counts the looks, and says that somebody is waited for."""

    driver = SimpleNamespace(Error=ValueError)

    def __init__(self, answer: list[tuple[Any, ...]] | Exception) -> None:
        self.looks = 0
        self._answer = answer

    def rows(self, _sql: str, _values: tuple[int]) -> list[tuple[Any, ...]]:
        """As that of a session."""
        self.looks += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def watch(server: Server) -> Watch:
    return Watch(cast(Session, server), 1)


def test_what_is_done_soon_is_not_looked_at() -> None:
    server = Server([])
    until = time.monotonic() + 0.6
    with watch(server) as looking:
        while time.monotonic() < until:
            with looking.over(lock_timeout=2):
                time.sleep(0.001)
    assert server.looks == 0


def test_what_takes_long_is_looked_at_until_it_ends() -> None:
    server = Server([(7,)])
    with watch(server) as looking:
        with looking.over(lock_timeout=0.04):
            until = time.monotonic() + 20
            while server.looks < 3 and time.monotonic() < until:
                time.sleep(0.01)
        ended = server.looks
        time.sleep(0.1)
        assert ended >= 3 and server.looks == ended
        assert looking.seen() == [Blocker(7)]
        with looking.over(lock_timeout=60):
            assert looking.seen() == []


def test_a_session_that_is_lost_sees_nobody() -> None:
    server = Server(ValueError("gone"))
    with watch(server) as looking, looking.over(lock_timeout=0.04):
        until = time.monotonic() + 20
        while server.looks < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert server.looks >= 2 and looking.seen() == []
