# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/audit.md on a real server: a role that may only insert gets every record once, and sees forks."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import outbox
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks import factory
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks.base import SinkError

from ...unit.audit.made import an_event, files, filled, log
from ..migrate.server import Database, Server

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "audit.md"
ORIGIN = "db1/deployments"


@pytest.fixture
def dsn(database: Database) -> str:
    """A connection of the role that writes."""
    found = re.search(r"```sql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    database.sql("DROP ROLE IF EXISTS audit_writer")
    database.sql(found[1])
    return database.dsn(user="audit_writer")


def deliver(directory: Path, dsn: str) -> outbox.Delivery:
    """One run with a sink of its own."""
    _name, sink = factory.make({"type": "postgresql", "dsn": dsn}, ORIGIN)
    return outbox.deliver(files(directory), "db", sink, log(directory).head().seq, timeout=20, batch=5)


@pytest.fixture(autouse=True)
def _no_role_is_left(database: Database) -> object:
    yield
    database.sql("DROP OWNED BY audit_writer")


def test_every_record_arrives_once(tmp_path: Path, database: Database, dsn: str) -> None:
    head = filled(tmp_path, pack=True)
    assert deliver(tmp_path, dsn) == outbox.Delivery("db", head.seq, 0)
    (files(tmp_path).top / "outbox/db.json").unlink()
    assert deliver(tmp_path, dsn).sent == head.seq
    assert database.one("SELECT count(*) FROM slipway_audit") == head.seq
    assert database.one(f"SELECT record FROM slipway_audit WHERE seq = {head.seq}").endswith(f'"{head.hash}"}}')


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM slipway_audit",
        "UPDATE slipway_audit SET seq = 1",
        "DELETE FROM slipway_audit",
        "TRUNCATE slipway_audit",
    ],
)
def test_the_role_may_do_nothing_else(database: Database, dsn: str, statement: str) -> None:
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)
    finally:
        connection.close()


def test_both_sides_of_a_fork_are_kept(tmp_path: Path, database: Database, dsn: str) -> None:
    for name in ("one", "other"):
        log(tmp_path / name).append([an_event()])
        deliver(tmp_path / name, dsn)
    assert database.one("SELECT count(*) FROM slipway_audit WHERE seq = 2") == 2


def test_a_server_that_dies_gets_the_rest_later(tmp_path: Path, server: Server, database: Database, dsn: str) -> None:
    head = filled(tmp_path)
    server.kill()
    done = deliver(tmp_path, dsn)
    assert done.error and done.behind == head.seq
    server.start()
    server.wait()
    assert deliver(tmp_path, dsn).behind == 0
    assert database.one("SELECT count(*) FROM slipway_audit") == head.seq


def test_a_password_is_in_no_message(tmp_path: Path, dsn: str) -> None:
    filled(tmp_path)
    _name, sink = factory.make({"type": "postgresql", "dsn": f"{dsn} password=pw-secret dbname=none"}, ORIGIN)
    assert "pw-secret" in sink.secrets()
    with pytest.raises(SinkError) as caught:
        sink.deliver([], 5)
    assert "secret" not in caught.value.message()
