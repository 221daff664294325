# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backfills beside what they are measured by: one UPDATE in one session of psql, the floor, and a loop in a procedure.

``python -m benchmarks.backfill``. Touches a PostgreSQL cluster of its own in a temporary directory, with fsync on, and
stops it. The loop is what people write by hand: batches of 10,000 keys, each committed, without a record, without
limits. Every side gets the same table, made anew and checkpointed, and they take turns.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import (
    Definition,
    parse_limits,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.run import Backfill
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import Session
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from .figures import median

ROWS = (300_000, 1_000_000)
ACCOUNT = "postgres"
PROGRAMS = "SLIPWAY_POSTGRESQL"
SETTINGS = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_wal_size = 4GB\nautovacuum = off\n"
MAKE = """
DROP TABLE IF EXISTS item, slipway_backfills;
CREATE TABLE item (id bigint PRIMARY KEY, total int NOT NULL, note text, cents bigint);
INSERT INTO item SELECT g, g % 1000, repeat('x', 60), NULL FROM generate_series(1, {rows}) g;
VACUUM (FREEZE, ANALYZE) item;
CHECKPOINT;
"""
FLOOR = "UPDATE item SET cents = total::bigint * 100 WHERE cents IS NULL"
LOOP = """
CREATE OR REPLACE PROCEDURE fill(size int) LANGUAGE plpgsql AS $$
DECLARE done bigint := 0; last bigint;
BEGIN
  LOOP
    SELECT max(id) INTO last FROM (SELECT id FROM item WHERE id > done ORDER BY id LIMIT size) batch;
    EXIT WHEN last IS NULL;
    UPDATE item SET cents = total::bigint * 100 WHERE id > done AND id <= last AND cents IS NULL;
    COMMIT;
    done := last;
  END LOOP;
END $$
"""
LEFT = "SELECT count(*) FROM item WHERE cents IS DISTINCT FROM total * 100"


@dataclass(frozen=True)
class Server:
    """A running cluster."""

    dsn: str
    programs: Path

    def psql(self, statement: str) -> str:
        """Run SQL in a session of psql; what it prints."""
        command = [str(shutil.which("psql") or self.programs / "psql"), self.dsn, "-XAtq", "-v", "ON_ERROR_STOP=1"]
        return subprocess.run(command, input=statement, check=True, capture_output=True, text=True).stdout.strip()

    def backfill(self, pause_ms: int) -> None:
        """Run a backfill with the usual limits but for the pause."""
        definition = Definition("bench", "public", "item", (("cents", "total::bigint * 100"),), "cents IS NULL", ())
        access = Access(self.dsn)
        Backfill(
            connect=lambda settings: Session(access, "benchmark", settings),
            definition=definition,
            limits=parse_limits({"pause_ms": pause_ms}),
        ).run()


@contextmanager
def server() -> Iterator[Server]:
    """A cluster that is removed afterwards."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    programs = Path(os.environ.get(PROGRAMS) or newest[-1])
    directory = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    data = directory / "data"
    shutil.chown(directory, ACCOUNT)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = ["runuser", "-u", ACCOUNT, "--", str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "-A", "trust", "-U", "postgres")
    with (data / "postgresql.conf").open("a", encoding="utf-8") as handle:
        handle.write(f"{SETTINGS}port = {port}\n")
    run("pg_ctl", "-l", str(directory / "log"), "-w", "start")
    try:
        yield Server(f"host=127.0.0.1 port={port} user=postgres dbname=postgres", programs)
    finally:
        run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(directory)


def measure(running: Server, rows: int, rounds: int) -> list[str]:
    """Rows per second of each side, and its ratio to the floor."""
    running.psql(LOOP)
    sides: dict[str, Callable[[], object]] = {
        "one UPDATE in psql (floor)": lambda: running.psql(FLOOR),
        "loop of 10,000 in a procedure": lambda: running.psql("CALL fill(10000)"),
        "pg_backfill, no pause": lambda: running.backfill(0),
        "pg_backfill, pause 100 ms": lambda: running.backfill(100),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _round in range(rounds):
        for name, side in sides.items():
            running.psql(MAKE.format(rows=rows))
            began = time.monotonic()
            side()
            taken[name].append(time.monotonic() - began)
            if running.psql(LEFT) != "0":
                raise RuntimeError(f"{name} has left rows out")
    floor = median(taken["one UPDATE in psql (floor)"])
    lines = [f"backfill of {rows} rows, median of {rounds}, fsync on"]
    for name, seconds in taken.items():
        middle = median(seconds)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f} s"
        lines.append(f"  {name:30} {rows / middle:9.0f} rows/s  {middle / floor:5.2f} times the floor  ({spread})")
    return lines


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backfill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each side (%(default)s)")
    parser.add_argument("--rows", type=int, nargs="*", default=list(ROWS), help="of the table")
    options = parser.parse_args()
    with server() as running:
        for rows in options.rows:
            print("\n".join(measure(running, rows, options.rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
