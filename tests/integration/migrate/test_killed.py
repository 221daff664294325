# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed: the module, its backends, the server, at each step, before and after each conversation.

Running again ends where an undisturbed run does: the same structure, the same data, the same history.
"""

from __future__ import annotations

import functools
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import LeaseError
from ansible_collections.slipway.release.plugins.module_utils._migrate.names import version_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Session

from .conftest import Writer
from .course import Course, Strike, files
from .scene import in_child, kill_module, migrate, module_process, options
from .server import Database, Server

SMALL = {
    "001_t.sql": "CREATE TABLE t (id int);\nINSERT INTO t VALUES (1);",
    "002_i.sql": "-- slipway:transaction off\nCREATE INDEX CONCURRENTLY t_id ON t (id);\nINSERT INTO t VALUES (2);",
}


@pytest.fixture(scope="module")
def course(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Course:
    return Course(server, tmp_path_factory.mktemp("killed"), files(300))


def terminate_worker(server: Server, session: Session) -> None:
    """End the backend of the session by the server's own means."""
    Database(server, "postgres").sql(f"SELECT pg_terminate_backend({session.connection.get_backend_pid()}, 5000)")


def terminate_lock(server: Server, session: Session) -> None:
    """End the backend that holds the lock."""
    Database(server, "postgres").sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE '%pg_migrate lock'"
    )


def kill_worker(server: Server, session: Session) -> None:
    """SIGKILL of the backend, after which the server ends all others and recovers."""
    os.kill(session.connection.get_backend_pid(), signal.SIGKILL)
    time.sleep(0.2)


def kill_server(server: Server, _session: Session) -> None:
    """SIGKILL of the server, which is then started again."""
    server.kill()
    server.start()


STRIKES: dict[str, tuple[Callable[[Server], Strike], int]] = {
    "module": (lambda server: kill_module, 8),
    "backend terminated": (lambda server: functools.partial(terminate_worker, server), 6),
    "lock terminated": (lambda server: functools.partial(terminate_lock, server), 6),
    "backend killed": (lambda server: functools.partial(kill_worker, server), 5),
    "server": (lambda server: functools.partial(kill_server, server), 5),
}


@pytest.mark.parametrize("kind", STRIKES)
def test_a_run_that_was_struck_is_ended_by_the_next(course: Course, kind: str) -> None:
    make, sample = STRIKES[kind]
    chosen = random.Random(7).sample(range(course.steps), k=sample)
    for at in sorted(chosen):
        course.survive(f"struck_{at}", at, make(course.server))


def test_each_step_of_a_small_run(server: Server, tmp_path: Path) -> None:
    course = Course(server, tmp_path, SMALL)
    for at in range(0, course.steps, 2):
        course.survive(f"small_{at}", at, kill_module)


def test_a_changed_repeatable_file_is_begun_anew_wherever_it_was_killed(
    server: Server, database: Database, write: Writer
) -> None:
    inserts = "INSERT INTO t VALUES ({0});\nINSERT INTO t VALUES (0);\nINSERT INTO t VALUES ({1});"
    text = f"-- slipway:transaction off\n{inserts}"
    directory = write({"001_t.sql": "CREATE TABLE t (x int);", "R__r.sql": text.format(1, 2)})
    migrate(directory, database)
    database.sql("TRUNCATE t")
    write({"R__r.sql": text.format(3, 4)})
    steps = in_child(options(directory, copy_of(server, database, "whole"))).steps
    for at in range(0, steps, 2):
        killed = copy_of(server, database, f"killed_{at}")
        assert in_child(options(directory, killed), at, kill_module).killed
        migrate(directory, killed)
        assert killed.sql("SELECT x FROM t ORDER BY x") == [(0,), (3,), (4,)], f"killed at step {at} of {steps}"
        server.drop(killed)


def copy_of(server: Server, database: Database, name: str) -> Database:
    """A database with the same content."""
    Database(server, "postgres").sql(f"CREATE DATABASE {database.name}_{name} TEMPLATE {database.name}")
    return Database(server, f"{database.name}_{name}")


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", STRIKES)
def test_every_step(course: Course, kind: str) -> None:
    for at in range(course.steps):
        course.survive(f"every_{at}", at, STRIKES[kind][0](course.server))


def test_a_backend_that_outlives_its_runner_is_waited_for(database: Database, write: Writer) -> None:
    directory = write(
        {
            "001_a.sql": "CREATE TABLE a (id int); CREATE TABLE b ();",
            "002_b.sql": "-- slipway:transaction off\nCREATE INDEX CONCURRENTLY a_id ON a (id);\n"
            "INSERT INTO a VALUES (0);",
        }
    )
    migrate(directory, database, target=version_of("1", ""))
    with closing(psycopg2.connect(database.dsn())) as other, other.cursor() as cursor:
        cursor.execute("INSERT INTO a VALUES (1)")
        process = module_process(directory, database)
        wait_for(database, "query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'")
        process.kill()
        process.wait()
        with pytest.raises(LeaseError, match="another runner migrates it"):
            migrate(directory, database, lock_deadline=1, retry_deadline=3)
        other.commit()
    migrate(directory, database, lock_deadline=20)
    assert database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass") == [(True,)]
    assert database.sql("SELECT id FROM a ORDER BY id") == [(0,), (1,)]


def wait_for(database: Database, condition: str) -> None:
    """Until a backend of the database meets a condition."""
    for _attempt in range(200):
        if database.one(f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {condition}"):
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody does: {condition}")
