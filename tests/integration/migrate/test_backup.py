# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and migrations exclude each other, and nothing is migrated without the backup that is asked for."""

from __future__ import annotations

import re
import threading
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import LeaseError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backup import exclusive_for_backup
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import Outcome, Run
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access, Session

from tools.environments import TOP

from .conftest import Writer
from .scene import migrate, options, picture, refusal, until
from .server import Database

SLOW = {"1_slow.sql": "CREATE TABLE slow ();\nSELECT pg_sleep(3);"}


def wait_for_sleepers(database: Database, number: int) -> None:
    """So many migrations are at work at once."""
    deadline = time.monotonic() + 20
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    while database.one(sleeping) != number:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_migration_begins_while_a_backup_is_made(database: Database, write: Writer) -> None:
    directory = write({"1_a.sql": "CREATE TABLE a ();"})
    with Session(Access(database.dsn()), "backup") as session:
        lock = exclusive_for_backup(session)
        lock.take(0)
        error = refusal(directory, database, lock_deadline=1)
        assert isinstance(error, LeaseError)
        assert "a backup is being made of this database (backend " in error.what
        lock.give_back()
    assert len(migrate(directory, database).done) == 1


def require_no_backup_during(directory: Path, database: Database) -> None:
    """While these files, which sleep, are applied no backup begins, and one does after them."""
    runner = threading.Thread(target=migrate, args=(directory, database))
    runner.start()
    wait_for_sleepers(database, 1)
    with Session(Access(database.dsn()), "backup") as session:
        with pytest.raises(LeaseError, match="this database is being migrated"):
            exclusive_for_backup(session).take(0)
        runner.join()
        exclusive_for_backup(session).take(5)


def test_no_backup_begins_while_something_is_migrated(database: Database, write: Writer) -> None:
    require_no_backup_during(write(SLOW), database)


@pytest.mark.parametrize("gives_away", ["SELECT pg_advisory_unlock_all();", "-- slipway:transaction off\nDISCARD ALL;"])
def test_a_file_that_gives_locks_away_does_not_give_this_one(
    database: Database, write: Writer, gives_away: str
) -> None:
    require_no_backup_during(write({"1_a.sql": f"{gives_away}\nSELECT pg_sleep(2);"}), database)


def test_the_lock_as_it_is_documented_holds_up_no_concurrent_index(database: Database, write: Writer) -> None:
    page = (TOP / "docs" / "migrations.md").read_text(encoding="utf-8")
    (documented,) = re.findall(r"SELECT pg_\w*advisory_lock\(\d+\)", page)
    database.sql("CREATE TABLE a (id int)")
    directory = write({"1_a.sql": "-- slipway:transaction off\nCREATE INDEX CONCURRENTLY a_id ON a (id);"})
    outcomes: list[Outcome] = []
    tries: list[bool] = []

    def backup() -> None:
        with closing(psycopg2.connect(database.dsn())) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not tries or not tries[-1]:
                cursor.execute(documented)
                tries.append(bool(cursor.fetchone()[0]))
                time.sleep(0.05)

    with closing(psycopg2.connect(database.dsn())) as writer:
        writer.cursor().execute("INSERT INTO a VALUES (1)")
        runner = threading.Thread(target=lambda: outcomes.append(migrate(directory, database)))
        runner.start()
        until(lambda: database.one("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        waiting = threading.Thread(target=backup)
        waiting.start()
        time.sleep(0.5)
        assert runner.is_alive() and True not in tries
        writer.rollback()
    runner.join()
    waiting.join()
    assert [one["attempts"] for one in outcomes[0].done] == [1] and not outcomes[0].waits
    assert tries[-1] and len(tries) > 5


def test_a_backup_that_grows_too_old_while_a_run_waits_is_not_enough(
    database: Database, write: Writer, tmp_path: Path
) -> None:
    record = tmp_path / "backup.json"
    verified = f'{{"finished": "{datetime.now(timezone.utc).isoformat()}", "verified": true}}'
    record.write_text(verified, encoding="utf-8")
    errors: list[str] = []
    directory = write({"1_a.sql": "CREATE TABLE a ();"})
    runner = threading.Thread(
        target=lambda: errors.append(refusal(directory, database, backup_record=record).message())
    )
    with Session(Access(database.dsn()), "backup") as session:
        exclusive_for_backup(session).take(0)
        runner.start()
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%pg_migrate lock' AND state = 'idle'"
        )
        until(lambda: database.one(f"{waits} AND query LIKE '%try_advisory_lock_shared%'"))
        record.write_text(verified.replace("true", "false"), encoding="utf-8")
    runner.join()
    assert "is not verified" in errors[0]
    assert database.one("SELECT to_regclass('a') IS NULL")


def test_schemas_are_migrated_at_once_beside_each_other(database: Database, write: Writer) -> None:
    database.sql("CREATE SCHEMA one; CREATE SCHEMA two")
    directory = write(SLOW)
    runners = [
        threading.Thread(target=migrate, args=(directory, database), kwargs={"schemas": (schema,)})
        for schema in ("one", "two")
    ]
    for runner in runners:
        runner.start()
    wait_for_sleepers(database, 2)
    for runner in runners:
        runner.join()
    assert database.one("SELECT count(*) FROM pg_tables WHERE tablename = 'slow'") == 2


def test_nothing_is_applied_without_the_backup_that_is_asked_for(
    database: Database, write: Writer, tmp_path: Path
) -> None:
    record = tmp_path / "backup.json"
    directory = write({"1_a.sql": "CREATE TABLE a ();"})
    before = picture(database)
    assert "no record of a backup" in refusal(directory, database, backup_record=record).what
    assert picture(database) == before
    finished = datetime.now(timezone.utc).isoformat()
    record.write_text(f'{{"finished": "{finished}", "verified": true}}', encoding="utf-8")
    assert len(migrate(directory, database, backup_record=record).done) == 1
    record.unlink()
    assert Run(options(directory, database, backup_record=record)).do().done == [], "nothing is due"
