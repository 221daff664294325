# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL cluster of the benchmarks' own, with fsync on. Touches a temporary directory, and the server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "postgres"
PROGRAMS = "SLIPWAY_POSTGRESQL"
ON_DISK = "/var/tmp"
SETTINGS = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_wal_size = 4GB\nautovacuum = off\n"


@dataclass(frozen=True)
class Cluster:
    """A running server.

    :param programs: directory of its programs; psql may be elsewhere.
    """

    port: int
    programs: Path

    def dsn(self, database: str) -> str:
        """A connection string."""
        return f"host=127.0.0.1 port={self.port} user={ACCOUNT} dbname={database}"

    def environment(self, database: str) -> dict[str, str]:
        """The same for libpq's environment."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": ACCOUNT, "PGDATABASE": database}

    def psql(self, database: str, statements: str) -> str:
        """Run SQL in one session of psql, and not of Debian's wrapper where that can be; what it prints."""
        program = shutil.which("psql", path=f"{self.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
        command = [program or "psql", self.dsn(database), "-XAtq", "-v", "ON_ERROR_STOP=1"]
        return subprocess.run(command, input=statements, check=True, capture_output=True, text=True).stdout.strip()

    def anew(self, database: str) -> None:
        """Make a database that is empty, and write out what earlier work has left."""
        self.psql("postgres", f"DROP DATABASE IF EXISTS {database};\nCREATE DATABASE {database};\nCHECKPOINT;")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server that is removed afterwards."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    programs = Path(os.environ.get(PROGRAMS) or newest[-1])
    directory = Path(tempfile.mkdtemp(prefix="slipway-bench-", dir=ON_DISK))
    data = directory / "data"
    shutil.chown(directory, ACCOUNT)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = ["runuser", "-u", ACCOUNT, "--", str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "-A", "trust", "-U", ACCOUNT, "-E", "UTF8", "--locale=C")
    with (data / "postgresql.conf").open("a", encoding="utf-8") as handle:
        handle.write(f"{SETTINGS}port = {port}\n")
    run("pg_ctl", "-l", str(directory / "log"), "-w", "start")
    try:
        yield Cluster(port, programs)
    finally:
        run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(directory)
