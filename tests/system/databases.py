# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of a test's own, on a machine of the lab that does nothing else.

Makes a PostgreSQL cluster there, and removes it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from tests.system.fleet import Fleet, own_log

HOST = "db2"
CLUSTER = ("15", "migrations")
PORT = 5545
FILES = {
    "001_orders.sql": "CREATE TABLE orders (id bigint PRIMARY KEY, total text);",
    "002_cents.sql": "ALTER TABLE orders ADD COLUMN cents bigint;",
}


@dataclass
class Database:
    """An empty database, and a directory of migrations on the controller."""

    dsn: str
    files: Path
    variables: dict[str, Any]
    flags: list[str]

    def write(self, files: dict[str, str]) -> None:
        """Add files."""
        for name, text in files.items():
            (self.files / name).write_text(text + "\n", encoding="utf-8")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def applied(self) -> list[str]:
        """Versions that are applied; none before the first."""
        if not self.rows("SELECT to_regclass('slipway_migrations') IS NOT NULL")[0][0]:
            return []
        return [
            version
            for (version,) in self.rows(
                "SELECT migration FROM slipway_migrations WHERE statement = 0 AND state = 'applied' ORDER BY migration"
            )
        ]


@contextmanager
def made(fleet: Fleet, directory: Path) -> Iterator[Database]:
    """In this block there is an empty one.

    :param directory: for its migrations, on the controller.
    """
    fleet.inside(HOST, "pg_createcluster", "--port", str(PORT), *CLUSTER)
    fleet.inside(HOST, "pg_conftool", *CLUSTER, "set", "listen_addresses", "*")
    trust = f"host all shop {fleet.network}.0/24 trust"
    fleet.inside(HOST, "sh", "-c", f"echo '{trust}' >> /etc/postgresql/{'/'.join(CLUSTER)}/pg_hba.conf")
    fleet.inside(HOST, "pg_ctlcluster", *CLUSTER, "start")
    for statement in ("CREATE ROLE shop LOGIN", "CREATE DATABASE shop OWNER shop"):
        fleet.inside(HOST, "runuser", "-u", "postgres", "--", "psql", "-p", str(PORT), "-c", statement)
    files = directory / "migrations"
    files.mkdir()
    dsn = f"host={fleet.network}.32 port={PORT} dbname=shop user=shop"
    written = directory / "migrations.json"
    migrations = {"path": str(files), "dsn": dsn}
    variables = {"slipway_migrations": migrations, "slipway_contract_after": 0, **own_log(directory)}
    written.write_text(json.dumps(variables), encoding="utf-8")
    try:
        yield Database(dsn, files, variables, ["-e", f"@{written}"])
    finally:
        fleet.inside(HOST, "pg_dropcluster", "--stop", *CLUSTER)
