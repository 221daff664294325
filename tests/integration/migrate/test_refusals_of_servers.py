# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that cannot be migrated: a standby, one that refuses the password, one whose disk is full.

The message says what, where and the remedy, and the database is then what it was before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate.names import version_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from .conftest import PROGRAMS, Writer
from .scene import migrate, picture, refusal
from .server import USER, Database, Server

FIRST = {"001_a.sql": "CREATE TABLE a (id int);"}
ROWS = 20_000
FILLING = f"CREATE TABLE b (t text);\nINSERT INTO b SELECT repeat('x', 2000) || n FROM generate_series(1, {ROWS}) AS n;"
WITHOUT_TRANSACTION = f"-- slipway:transaction off\n{FILLING}"


def require_refused(error_of: Database, directory: Path, where: str, what: str, remedy: str, access: Access) -> None:
    error = refusal(directory, error_of, access=access)
    assert where in error.where and what in error.what and remedy in error.remedy, error.message()
    assert "\n" not in error.message()


def test_a_standby(write: Writer) -> None:
    standby = Server(Path(PROGRAMS), number=1)
    try:
        (standby.data / "standby.signal").touch()
        standby.start()
        database = Database(standby, "postgres")
        require_refused(
            database, write(FIRST), "PostgreSQL", "is a standby", "connect to the primary", Access(database.dsn())
        )
    finally:
        standby.remove()


def test_a_password_that_is_not_right(server: Server, database: Database, write: Writer) -> None:
    rules = server.data / "pg_hba.conf"
    before = rules.read_text(encoding="ascii")
    database.sql("CREATE ROLE careful LOGIN PASSWORD 'right-1'")
    try:
        rules.write_text(f"local all careful scram-sha-256\nlocal all unwanted reject\n{before}", encoding="ascii")
        database.sql("SELECT pg_reload_conf(); CREATE ROLE unwanted LOGIN")
        for user, password, what, remedy in (
            ("careful", "wrong-1", "password authentication failed", "correct the user or the password"),
            ("unwanted", "right-1", "pg_hba.conf", "pg_hba.conf"),
        ):
            access = Access(database.dsn(user=user, password=password))
            require_refused(database, write(FIRST), "PostgreSQL", what, remedy, access)
            assert password not in refusal(write(FIRST), database, access=access).message()
        database.sql("GRANT CREATE ON SCHEMA public TO careful")
        assert migrate(write(FIRST), database, access=Access(database.dsn(user="careful", password="right-1"))).done
    finally:
        rules.write_text(before, encoding="ascii")
        database.sql("SELECT pg_reload_conf(); DROP OWNED BY careful; DROP ROLE careful; DROP ROLE unwanted")


@contextmanager
def small_disk(megabytes: int) -> Iterator[tuple[Database, Path]]:
    """A database that is wholly on a small disk, its history and its catalog too, and the mount point of that."""
    server = Server(Path(PROGRAMS), number=2)
    place = server.directory / "full"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(place)]
    mounted = subprocess.run(mount, check=False).returncode == 0
    try:
        if not mounted:
            pytest.skip("this machine mounts nothing")
        space = place / "space"
        space.mkdir(mode=0o700)
        os.chown(space, server.owner, -1)
        server.start()
        postgres = Database(server, USER)
        postgres.sql(f"CREATE TABLESPACE whole LOCATION '{space}'")
        postgres.sql("CREATE DATABASE crowded TABLESPACE whole")
        postgres.sql("CHECKPOINT")
        yield Database(server, "crowded"), place
    finally:
        server.stop()
        if mounted:
            subprocess.run(["umount", str(place)], check=True)
        shutil.rmtree(server.directory)


@pytest.mark.parametrize("text", [FILLING, WITHOUT_TRANSACTION])
def test_a_database_whose_disk_is_full_goes_on_when_there_is_space(write: Writer, text: str) -> None:
    with small_disk(20) as (database, place):
        line = 1 + text.count("\n")
        directory = write({**FIRST, "002_b.sql": text, "003_c.sql": "CREATE TABLE c (id int);"})
        migrate(directory, database, target=version_of("1", ""))
        before = picture(database)
        error = refusal(directory, database)
        assert error.where.endswith(f"002_b.sql:{line}:1") and "No space left on device" in error.what, error.message()
        assert "free space" in error.remedy and "\n" not in error.message()
        assert text != FILLING or picture(database) == before
        subprocess.run(["mount", "-o", "remount,size=200m", str(place)], check=True)
        assert [one["version"] for one in migrate(directory, database).done] == ["2", "3"]
        assert database.sql("SELECT count(*), count(DISTINCT t) FROM b") == [(ROWS, ROWS)]
