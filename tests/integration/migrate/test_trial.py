# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trial in a scratch database: which locks, for how long, on what was there before."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.errors import DatabaseError
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access
from ansible_collections.slipway.release.plugins.module_utils._migrate.statements import statements
from ansible_collections.slipway.release.plugins.module_utils._migrate.trial import (
    Trial,
    refuse_same_database,
    try_file,
)

from .conftest import Writer
from .scene import migrate, picture, refusal, strongest
from .server import USER, Database, Server

SCHEMA = """
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);
CREATE TABLE shops (id bigint PRIMARY KEY);
INSERT INTO orders SELECT i, i FROM generate_series(1, 5000) i"""


def tried(database: Database, sql: str, *, transactional: bool = True) -> Trial:
    return try_file(Access(dsn=database.dsn()), statements(sql), transactional=transactional)


def test_a_lock_is_held_from_its_statement_to_the_commit(database: Database) -> None:
    database.sql(SCHEMA)
    trial = tried(
        database,
        "CREATE TABLE new (id int);\nSELECT pg_sleep(0.2);\nALTER TABLE orders ADD COLUMN a int;\n"
        "ALTER TABLE new ADD b int;\nSELECT pg_sleep(0.3);\nLOCK TABLE shops IN SHARE MODE;",
    )
    locks = {(lock.relation, lock.mode): lock for lock in trial.locks}
    orders, shops = locks[("orders", "AccessExclusiveLock")], locks[("shops", "ShareLock")]
    assert {name for name, _mode in locks} == {"orders", "shops"}
    assert (orders.line, shops.line) == (3, 6)
    assert 0.3 <= orders.seconds < trial.seconds - 0.15
    assert shops.seconds < orders.seconds - 0.25
    assert not orders.sampled
    assert trial.rewritten == ()
    assert database.one("SELECT count(*) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'a'") == 1


def test_a_table_that_is_written_anew_is_named(database: Database) -> None:
    database.sql(SCHEMA)
    trial = tried(database, "ALTER TABLE orders ALTER total TYPE float; CREATE TABLE copies AS SELECT * FROM orders;")
    assert trial.rewritten == ("orders",)
    assert strongest(trial)["orders"] == "AccessExclusiveLock"


def test_a_file_without_a_transaction_holds_its_locks_by_statement(database: Database) -> None:
    database.sql(SCHEMA)
    sql = "LOCK TABLE shops;\nSELECT pg_sleep(0.3);\nALTER TABLE orders ADD COLUMN a int;"
    trial = tried(database, sql, transactional=False)
    locks = trial.locks
    assert [(lock.relation, lock.mode, lock.line) for lock in locks] == [
        ("shops", "AccessExclusiveLock", 1),
        ("orders", "AccessExclusiveLock", 3),
    ]
    assert sum(lock.seconds for lock in locks) < trial.seconds - 0.25


def test_what_runs_in_no_transaction_is_watched(database: Database) -> None:
    database.sql(SCHEMA)
    with closing(psycopg2.connect(database.dsn())) as other, other.cursor() as cursor:
        cursor.execute("INSERT INTO orders VALUES (0, 0)")
        release = threading.Timer(0.5, other.commit)
        release.start()
        began = time.monotonic()
        trial = tried(database, "CREATE INDEX CONCURRENTLY i ON orders (total);", transactional=False)
        assert time.monotonic() - began > 0.4
        release.join()
    (lock,) = [one for one in trial.locks if one.mode == "ShareUpdateExclusiveLock" and one.relation == "orders"]
    assert lock.sampled
    assert lock.seconds > 0.3
    assert "AccessExclusiveLock" not in strongest(trial).values()


def test_a_file_that_is_refused_leaves_nothing_and_names_its_line(database: Database) -> None:
    database.sql(SCHEMA)
    with pytest.raises(DatabaseError) as refused:
        tried(database, "ALTER TABLE orders ADD COLUMN a int;\nALTER TABLE nothing ADD COLUMN a int;")
    assert "SQL:2 in the scratch database" in refused.value.message()
    assert "nothing" in refused.value.message()
    assert database.one("SELECT count(*) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'a'") == 0


def test_a_constraint_that_is_only_checked_at_commit_is_a_refusal_too(database: Database) -> None:
    database.sql(SCHEMA)
    database.sql("ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES shops DEFERRABLE INITIALLY DEFERRED NOT VALID")
    with pytest.raises(DatabaseError, match="foreign key"):
        tried(database, "INSERT INTO orders VALUES (0, 0);")


def test_the_real_database_is_no_scratch_database(database: Database) -> None:
    here, there = Access(dsn=database.dsn()), Access(dsn=Database(database.server, USER).dsn())
    refuse_same_database(here, there)
    with pytest.raises(StateError, match="is the database"):
        refuse_same_database(here, Access(dsn=database.dsn(host="127.0.0.1")))


@pytest.fixture
def scratch(server: Server, database: Database) -> Iterator[Database]:
    """A database with the schema of the real one."""
    database.sql(SCHEMA)
    made = server.create(f"{database.name}_scratch")
    made.sql(SCHEMA)
    yield made
    server.drop(made)


def test_a_run_tries_first_what_is_due(database: Database, scratch: Database, write: Writer) -> None:
    directory = write(
        {
            "001_note.sql": "ALTER TABLE orders ADD COLUMN note text;",
            "002_total.sql": "-- slipway:allow type-change: it is small\nALTER TABLE orders ALTER total TYPE float;",
        }
    )
    outcome = migrate(directory, database, scratch=Access(scratch.dsn()))
    assert [(Path(one["file"]).name, one["rewritten"]) for one in outcome.trial] == [
        ("001_note.sql", []),
        ("002_total.sql", ["orders"]),
    ]
    assert {(lock["relation"], lock["mode"]) for lock in outcome.trial[0]["locks"]} == {
        ("orders", "AccessExclusiveLock")
    }
    assert len(outcome.done) == 2
    assert picture(scratch) == picture(database)


def test_what_fails_in_the_trial_is_never_done(database: Database, scratch: Database, write: Writer) -> None:
    scratch.sql("INSERT INTO orders VALUES (0, -1)")
    directory = write({"001_a.sql": "CREATE TABLE a ();", "002_b.sql": "\nALTER TABLE orders ADD CHECK (total >= 0);"})
    before = picture(database)
    error = refusal(directory, database, scratch=Access(scratch.dsn()))
    assert "002_b.sql:2 in the scratch database" in error.message()
    assert "make the scratch database anew" in error.remedy
    assert picture(database) == before


def test_a_run_refuses_to_try_in_the_database_itself(database: Database, write: Writer) -> None:
    directory = write({"001_a.sql": "CREATE TABLE a ();"})
    error = refusal(directory, database, scratch=Access(database.dsn()))
    assert "is the database that is to be migrated" in error.message()


def test_only_what_is_left_of_a_file_is_tried(database: Database, server: Server, write: Writer) -> None:
    head = "-- slipway:transaction off\nSET search_path = other, public;\nCREATE TABLE t (x int);\n"
    directory = write({"001_t.sql": head + "SELECT none;\nCREATE INDEX CONCURRENTLY i ON t (x);"})
    database.sql("CREATE SCHEMA other")
    refusal(directory, database)
    write({"001_t.sql": head + "SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (x);"})
    scratch = server.create(f"{database.name}_left")
    scratch.sql("CREATE SCHEMA other; CREATE TABLE other.t (x int)")
    outcome = migrate(directory, database, scratch=Access(scratch.dsn()))
    assert {lock["relation"] for lock in outcome.trial[0]["locks"]} <= {"t", "other.t"}
    assert scratch.one("SELECT count(*) FROM pg_indexes WHERE schemaname = 'other'") == 1


def test_a_new_schema_is_made_in_the_scratch_database_too(database: Database, server: Server, write: Writer) -> None:
    directory = write({"001_t.sql": "CREATE TABLE t (x int); SELECT 1 FROM ${schema}.t;"})
    scratch = server.create(f"{database.name}_schemas")
    migrate(directory, database, schemas=("one", "two"), create_schemas=True, scratch=Access(scratch.dsn()))
    assert scratch.one("SELECT count(*) FROM pg_tables WHERE schemaname IN ('one', 'two') AND tablename = 't'") == 2
