# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL clusters of the tests' own, and clients that write to them all the while.

Touches directories below /tmp that it makes and removes, and processes that it starts. ``SLIPWAY_POSTGRESQL``
names another directory of PostgreSQL's programs than that of the newest Debian package.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

ACCOUNT = "postgres"
SETTINGS = {"fsync": "off", "max_wal_size": "'2GB'", "autovacuum_naptime": "'5s'", "log_min_messages": "warning"}


def programs() -> Path:
    """The directory of PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return Path(os.environ.get("SLIPWAY_POSTGRESQL") or found[-1])


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    """A server of its own."""

    directory: Path
    port: int = field(default_factory=free_port)

    @property
    def dsn(self) -> str:
        """Connects as the superuser."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def make(self, **settings: str) -> None:
        """Initialize it."""
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8")
        self.configure(**{**SETTINGS, **settings})

    def configure(self, **settings: str) -> None:
        """Add settings, for the next start."""
        own = {"port": str(self.port), "listen_addresses": "'127.0.0.1'", "unix_socket_directories": "''"}
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as handle:
            handle.writelines(f"{name} = {value}\n" for name, value in {**own, **settings}.items())

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.directory / "data"

    def start(self) -> None:
        """Start it and wait for it; again where what was killed has not gone yet."""
        for attempt in range(20):
            try:
                self._run("pg_ctl", "-D", str(self.data), "-l", str(self.directory / "log"), "-w", "start")
                return
            except subprocess.CalledProcessError:
                if attempt == 19:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop it, if it runs."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        """Stop it as an administrator does, which ends its clients, and start it."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-l", str(self.directory / "log"), "-w", "restart")

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        pid = int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
        os.kill(pid, signal.SIGKILL)

    def connect(self) -> Any:
        """A connection that commits each statement."""
        connection = psycopg2.connect(self.dsn, connect_timeout=10)
        connection.autocommit = True
        return connection

    def sql(self, statement: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; its rows."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def value(self, statement: str) -> Any:
        """The first value of its first row."""
        return self.sql(statement)[0][0]

    def standby(self, directory: Path) -> Cluster:
        """A streaming replica of it, running."""
        replica = Cluster(directory)
        self._run(
            "pg_basebackup", "-D", str(replica.data), "-d", self.dsn, "-R", "-X", "stream", "-c", "fast", "--no-sync"
        )
        replica.configure()
        replica.start()
        return replica

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(programs() / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", ACCOUNT, "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")


@contextmanager
def directory() -> Iterator[Path]:
    """A directory that the account of PostgreSQL may use."""
    made = Path(tempfile.mkdtemp(prefix="slipway-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(made, ACCOUNT)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def cluster(**settings: str) -> Iterator[Cluster]:
    """A running server."""
    with directory() as made:
        server = Cluster(made)
        server.make(**settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


Transaction = Callable[[Any, random.Random], None]


@dataclass
class Writers:
    """Clients that write as an application does, one transaction after the other.

    :ivar failed: what their transactions failed with.
    :ivar longest: seconds of the longest transaction.
    """

    cluster: Cluster
    transactions: list[Transaction]
    pause: float = 0.002
    done: int = 0
    longest: float = 0.0
    failed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Writers:
        for number, transaction in enumerate(self.transactions):
            thread = threading.Thread(target=self._write, args=(transaction, random.Random(number)))
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_caught: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, transaction: Transaction, chance: random.Random) -> None:
        connection = psycopg2.connect(self.cluster.dsn)
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with connection, connection.cursor() as cursor:
                    transaction(cursor, chance)
            except psycopg2.Error as exc:
                self.failed.append(str(exc))
            with self._lock:
                self.done += 1
                self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(self.pause)
        connection.close()

    def report(self, what: str) -> str:
        """One line for people."""
        said = f"{what}: {self.done} client transactions, {len(self.failed)} failed"
        return f"{said}, longest {self.longest * 1000:.0f} ms"
