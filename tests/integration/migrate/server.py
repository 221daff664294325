# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of the tests' own, and its databases. Touches a temporary directory and the server."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

USER = "postgres"
STARTS = 50
SETTINGS = """
fsync = off
full_page_writes = off
listen_addresses = '127.0.0.1'
max_connections = 120
shared_buffers = 32MB
log_min_messages = fatal
"""


@dataclass(frozen=True)
class Database:
    """One database of a server."""

    server: Server
    name: str

    def dsn(self, **more: str) -> str:
        """A connection string, for the superuser unless told otherwise."""
        parts = {"host": str(self.server.directory), "port": str(self.server.port), "user": USER, "dbname": self.name}
        return " ".join(f"{key}={value}" for key, value in {**parts, **more}.items())

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Run SQL outside of a transaction; the rows of the last statement."""
        with closing(psycopg2.connect(self.dsn())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text)
                return list(cursor.fetchall()) if cursor.description else []

    def one(self, text: str) -> Any:
        """The first value of the first row."""
        return self.sql(text)[0][0]


class Server:
    """A cluster in a temporary directory.

    :param programs: directory of the server's programs.
    :param number: each server of a run of tests has another.
    """

    def __init__(self, programs: Path, number: int = 0) -> None:
        self.programs = programs
        self.directory = Path(tempfile.mkdtemp(prefix="slipway-postgresql-"))
        self.port = 20_000 + (os.getpid() + 7 * number) % 20_000
        self.owner = pwd.getpwnam(USER).pw_uid
        os.chown(self.directory, self.owner, -1)
        self.directory.chmod(0o755)
        self._program("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(f"{SETTINGS}\nport = {self.port}\nunix_socket_directories = '{self.directory}'\n")

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.directory / "data"

    def _program(self, name: str, *arguments: str) -> None:
        command = ["runuser", "-u", USER, "--", str(self.programs / name), *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)

    def start(self) -> None:
        """Start it, and wait until it answers; again while what was killed has not gone yet."""
        for attempt in range(STARTS):
            try:
                self._program("pg_ctl", "-D", str(self.data), "-l", str(self.directory / "log"), "-w", "start")
                return
            except subprocess.CalledProcessError:
                if attempt == STARTS - 1:
                    raise
                time.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL of the server; its backends end when they notice."""
        os.kill(int((self.data / "postmaster.pid").read_text(encoding="ascii").split()[0]), signal.SIGKILL)

    def wait(self) -> None:
        """Until it answers again."""
        for _attempt in range(200):
            try:
                psycopg2.connect(Database(self, USER).dsn()).close()
                return
            except psycopg2.OperationalError:
                time.sleep(0.05)
        raise AssertionError("the server does not come back")

    def stop(self) -> None:
        """Stop it, if it runs."""
        if (self.data / "postmaster.pid").exists():
            self._program("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        """Stop it and delete everything."""
        self.stop()
        shutil.rmtree(self.directory)

    def create(self, name: str) -> Database:
        """A new database."""
        Database(self, USER).sql(f"CREATE DATABASE {name}")
        return Database(self, name)

    def drop(self, database: Database) -> None:
        """Remove a database."""
        Database(self, USER).sql(f"DROP DATABASE {database.name} WITH (FORCE)")
