# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed at times that chance tells: the module, its backend, the server.

Each kill is told apart by what the backend did just before it, because one that hits nothing proves nothing. Prints
that, and the statements that were hit.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg2
import pytest

from .course import Course, files
from .scene import history, module_process
from .server import Database, Server

ROWS = 20_000
INSIDE = ("active", "idle in transaction")
ENDED = "ended already"
MORE = 20
SHORTER = 0.8
LEAST_INSIDE = 0.5
LEAST_PARTLY = 0.1
WORKER = """
SELECT pid, state, left(regexp_replace(query, '\\s+', ' ', 'g'), 60) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE '%pg_migrate work'
"""


@dataclass
class Hits:
    """What was hit.

    :ivar states: of the backend that worked.
    :ivar statements: that ran, by their beginnings.
    :ivar partly: how many kills left a part of the work.
    """

    states: Counter[str] = field(default_factory=Counter)
    statements: Counter[str] = field(default_factory=Counter)
    partly: int = 0

    def add(self, state: str, statement: str) -> None:
        """One kill."""
        self.states[state] += 1
        if state == "active":
            self.statements[statement] += 1

    def landed(self) -> int:
        """How many hit a run that had not ended."""
        return sum(self.states.values()) - self.states[ENDED]

    def inside(self) -> int:
        """How many hit a statement, or a transaction between two."""
        return sum(self.states[state] for state in INSIDE)

    def enough(self, runs: int) -> bool:
        """Whether so many runs were hit, enough of them at work, and enough of those left a part of it."""
        return self.landed() >= runs and self.inside() >= LEAST_INSIDE * runs and self.partly >= LEAST_PARTLY * runs

    def report(self) -> str:
        """For people."""
        states = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        statements = "; ".join(f"{count} {text}" for text, count in self.statements.most_common())
        return f"{states}; {self.partly} left a part; statements hit: {statements}"


@dataclass(frozen=True)
class Scene:
    """A run that is going on."""

    server: Server
    process: subprocess.Popen[bytes]
    worker: int


def kill_module(scene: Scene) -> None:
    scene.process.kill()


def kill_backend(scene: Scene) -> None:
    """The server then ends all others, and recovers."""
    with suppress(ProcessLookupError):
        if scene.worker:
            os.kill(scene.worker, signal.SIGKILL)


def kill_server(scene: Scene) -> None:
    scene.server.kill()
    scene.server.start()


VICTIMS: dict[str, Callable[[Scene], None]] = {
    "module": kill_module,
    "backend": kill_backend,
    "server": kill_server,
}


@pytest.fixture(scope="module")
def course(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Course:
    return Course(server, tmp_path_factory.mktemp("killed"), files(ROWS))


@pytest.mark.parametrize("runs", [3, pytest.param(200, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("victim", VICTIMS)
def test_whatever_is_killed_the_next_run_ends_as_if_nothing_had_been(course: Course, victim: str, runs: int) -> None:
    hits = kill_at_random(course, victim, runs, random.Random(f"{victim} {runs}"))
    print(f"{victim} killed at random: {hits.report()}")
    assert hits.enough(runs), hits.report()


def kill_at_random(course: Course, victim: str, runs: int, chance: random.Random) -> Hits:
    """Kill runs, and run each again; until enough were hit, or too many were not."""
    hits = Hits()
    seconds = seconds_of_work(course)
    for number in range(2 * runs + MORE):
        if hits.enough(runs):
            break
        database = course.server.create(f"random_{victim}_{number}")
        process = module_process(course.directory, database)
        wait_for_history(database)
        pause = chance.uniform(0, seconds)
        time.sleep(pause)
        worker, state, statement = at_work(database)
        VICTIMS[victim](Scene(course.server, process, worker))
        process.wait(timeout=120)
        course.server.wait()
        hits.add(state, statement)
        seconds *= SHORTER if state == ENDED else 1
        hits.partly += history(database) not in ([], course.history)
        course.require_end(database, None, f"{victim} killed after {pause:.3f} s, {state}: {statement}")
    return hits


def at_work(database: Database) -> tuple[int, str, str]:
    """Process, state and statement of the backend that works."""
    rows = database.sql(WORKER)
    return rows[0] if rows else (0, ENDED, "")


def seconds_of_work(course: Course) -> float:
    """How long a process of the module lives once it has made the history."""
    database = course.server.create("measured")
    process = module_process(course.directory, database)
    wait_for_history(database)
    began = time.monotonic()
    assert process.wait(timeout=120) == 0
    course.server.drop(database)
    return time.monotonic() - began


def wait_for_history(database: Database) -> None:
    """Until there is a history."""
    deadline = time.monotonic() + 60
    with_history = "SELECT to_regclass('slipway_migrations') IS NOT NULL"
    connection = psycopg2.connect(database.dsn())
    connection.autocommit = True
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(with_history)
            if cursor.fetchone() == (True,):
                connection.close()
                return
            time.sleep(0.005)
    raise AssertionError("there is no history")
