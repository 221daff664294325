# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds the lock that a migration does not get is named, on a real server. Makes databases, and a role, on it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import Run
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from .conftest import Writer
from .scene import gives_way, migrate, options, refusal, until
from .server import Database, Server

TABLE = "CREATE TABLE a (id int, note text); INSERT INTO a VALUES (1, 'one')"
ALTER = "INSERT INTO a VALUES (2, 'two');\nALTER TABLE a ADD x int;"
PATIENT = {"lock_timeout_ms": 1500}
ONCE = {**PATIENT, "retry_deadline": 0}
PLAIN = "plain_migrator"


@contextmanager
def client(database: Database, sql: str, **more: str) -> Iterator[Any]:
    """Somebody in a transaction that has run SQL; gives the connection."""
    with closing(psycopg2.connect(database.dsn(**{"application_name": "shop", **more}))) as connection:
        connection.cursor().execute(sql)
        yield connection


def pid(connection: Any) -> int:
    return int(connection.info.backend_pid)


def test_the_error_says_who_holds_the_lock_and_hides_the_values_of_the_query(database: Database, write: Writer) -> None:
    database.sql(TABLE)
    directory = write({"001_a.sql": ALTER})
    with client(database, "UPDATE a SET note = 'geheim' WHERE id = 17") as other:
        error = refusal(directory, database, **ONCE)
        query = "last query UPDATE a SET note = ? WHERE id = ?"
        assert error.where.endswith("001_a.sql:2:1")
        who = rf"it waited for pid {pid(other)} \(shop, user postgres, idle in transaction, transaction [\d.]+ s old, "
        assert re.search(who + re.escape(query), error.what), error.what
        assert "geheim" not in error.message()
        assert f"SELECT pg_terminate_backend({pid(other)})" in error.remedy
    recorded = database.one("SELECT error FROM slipway_migrations WHERE migration = '1' AND statement = 0")
    assert query in recorded and "geheim" not in recorded


def test_each_attempt_that_got_no_lock_is_returned_with_who_held_it(database: Database, write: Writer) -> None:
    database.sql(TABLE)
    directory = write({"001_a.sql": ALTER})
    with client(database, "SELECT count(*) FROM a WHERE note = 'geheim'") as other:
        giving = gives_way(database, other)
        outcome = migrate(directory, database, **PATIENT)
        giving.join()
    waits = outcome.as_result()["waits"]
    assert waits and [wait["attempt"] for wait in waits] == list(range(1, outcome.done[0]["attempts"]))
    assert {(wait["schema"], wait["file"], wait["line"]) for wait in waits} == {
        ("public", str(directory / "001_a.sql"), 2)
    }
    for wait in waits:
        (blocker,) = wait["blockers"]
        assert blocker.startswith("pid ") and "(shop, user postgres, idle in transaction, " in blocker
        assert blocker.endswith("last query SELECT count(*) FROM a WHERE note = ?)")


def test_a_run_that_fails_returns_its_attempts_too(database: Database, write: Writer) -> None:
    database.sql(TABLE)
    run = Run(options(write({"001_a.sql": ALTER}), database, **PATIENT, retry_deadline=8))
    with client(database, "SELECT 1 FROM a"), pytest.raises(Exception, match="55P03"):
        run.do()
    waits = run.outcome.as_result()["waits"]
    assert len(waits) > 1 and all(wait["blockers"] for wait in waits)


ALONE = {
    "VACUUM FULL a;": "lock_timeout_ms",
    "CREATE INDEX CONCURRENTLY a_id ON a (id);": "retry_deadline",
    "ALTER TABLE a ADD x int;": "lock_timeout_ms",
}


@pytest.mark.parametrize("sql", ALONE)
def test_who_holds_up_a_file_without_a_transaction_is_named(database: Database, write: Writer, sql: str) -> None:
    database.sql(TABLE)
    directory = write({"001_a.sql": f"-- slipway:transaction off\n{sql}"})
    with client(database, "UPDATE a SET note = note") as other:
        error = refusal(directory, database, **ONCE)
        assert f"it waited for pid {pid(other)} (shop, " in error.what


def test_who_waits_in_front_is_named_after_who_holds_the_lock(database: Database, write: Writer) -> None:
    database.sql(TABLE)
    directory = write({"001_a.sql": "ALTER TABLE a ADD x int;"})
    with (
        client(database, "SELECT 1 FROM a", application_name="reader") as reader,
        client(database, "SELECT 1", application_name="administrator") as second,
    ):
        locking = threading.Thread(target=_locks, args=(second,))
        locking.start()
        until(lambda: database.one("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        error = refusal(directory, database, **ONCE)
        holds, waits = pid(reader), pid(second)
        reader.rollback()
        locking.join()
    what = error.what
    assert 0 < what.index("(reader,") < what.index("(administrator,")
    assert "waits for a lock itself" in what and what.endswith("query LOCK TABLE a)")
    assert f"({holds})" in error.remedy and f"({waits})" not in error.remedy


def _locks(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE a")


@pytest.fixture
def plain(server: Server, database: Database) -> Iterator[Access]:
    """A user who owns the table and may see nobody else's queries."""
    database.sql(f"DROP ROLE IF EXISTS {PLAIN}; CREATE ROLE {PLAIN} LOGIN; GRANT ALL ON SCHEMA public TO {PLAIN}")
    database.sql(f"{TABLE}; ALTER TABLE a OWNER TO {PLAIN}")
    yield Access(database.dsn(user=PLAIN))
    server.drop(database)
    Database(server, "postgres").sql(f"DROP ROLE {PLAIN}")


def test_a_plain_user_is_told_what_is_hidden(database: Database, write: Writer, plain: Access) -> None:
    directory = write({"001_a.sql": ALTER})
    with client(database, "UPDATE a SET note = 'geheim'") as other:
        error = refusal(directory, database, access=plain, **ONCE)
        hidden = f"its state and query are hidden from {PLAIN}, whom a grant of pg_read_all_stats shows them"
        assert f"it waited for pid {pid(other)} (shop, user postgres, {hidden})" in error.what
        database.sql(f"GRANT pg_read_all_stats TO {PLAIN}")
        assert "last query UPDATE a SET note = ?" in refusal(directory, database, access=plain, **ONCE).what
