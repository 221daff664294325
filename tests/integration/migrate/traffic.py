# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shop's clients, in an old and a new release, and who of them waits for a migration. Touches the given server."""

from __future__ import annotations

import random
import re
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from tests.integration.migrate.clusters import Cluster, Transaction
from tests.integration.migrate.scene import has
from tests.integration.migrate.shop import ACCOUNTS, PARTITIONS, PER_PARTITION

LOOKED_EVERY = 0.02
PGBENCH_SECONDS = 4
LONG_READ = 0.2
ORDERED = 7
CENTS = {"total": 100, "cents": 1}
WAITING = """
SELECT extract(epoch FROM clock_timestamp() - l.waitstart)::float8, left(a.query, 90), left(b.query, 90)
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
CROSS JOIN unnest(pg_blocking_pids(l.pid)) AS blocking (pid) JOIN pg_stat_activity AS b ON b.pid = blocking.pid
WHERE NOT l.granted AND l.waitstart IS NOT NULL
  AND a.application_name NOT LIKE 'slipway%' AND b.application_name LIKE 'slipway%'
"""
SCRIPT = r"""
\set id random(1, {rows})
\set at random(0, {last})
BEGIN;
SELECT state FROM orders WHERE id = :id;
UPDATE orders SET state = 'paid' WHERE id = :id;
INSERT INTO events (at, what) VALUES (:at, 'paid');
END;
"""


class Release:
    """Which release the clients are of.

    :ivar inserted: orders of transactions that have ended, and their cents.
    :ivar changed: by how many cents orders that were there before were changed.
    :ivar written: how many orders were inserted and changed, by the column that the release knows.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.inserted: dict[int, int] = {}
        self.changed: Counter[int] = Counter()
        self.written: Counter[str] = Counter()
        self._new = False
        self._old_ones = 0
        self._changed = threading.Condition()

    @contextmanager
    def columns(self) -> Iterator[tuple[str, str]]:
        """Names of the two replaced columns, as the release knows them."""
        with self._changed:
            new = self._new
            self._old_ones += not new
        try:
            yield ("cents", "remark") if new else ("total", "note")
        finally:
            with self._changed:
                self._old_ones -= not new
                self._changed.notify_all()

    def replace(self) -> None:
        """All clients are of the new release from now on, and nothing of the old one runs any more."""
        with self._changed:
            self._new = True
            assert self._changed.wait_for(lambda: not self._old_ones, timeout=60), "an old client does not end"

    def transactions(self) -> list[Transaction]:
        """One client each."""
        return [self.order, self.order, self.change, self.change, self.read, self.report, self.event, self.ask]

    def order(self, cursor: Any, chance: random.Random) -> None:
        """Take an order."""
        account = chance.randint(1, ACCOUNTS)
        with self.columns() as (amount, text):
            insert = f"INSERT INTO orders (account_id, {amount}, {text}) VALUES (%s, %s, 'own') RETURNING id"
            cursor.execute(insert, (account, ORDERED))
            one = cursor.fetchone()[0]
        cursor.execute("UPDATE account SET orders = orders + 1 WHERE id = %s", (account,))
        cursor.connection.commit()
        with self._changed:
            self.inserted[one] = ORDERED * CENTS[amount]
            self.written[amount] += 1

    def change(self, cursor: Any, chance: random.Random) -> None:
        """Change an order."""
        one = chance.randint(1, self.rows)
        with self.columns() as (amount, text):
            cursor.execute(f"UPDATE orders SET {amount} = {amount} + 1, {text} = 'new' WHERE id = %s", (one,))
        cursor.connection.commit()
        with self._changed:
            self.changed[one] += CENTS[amount]
            self.written[amount] += 1

    def read(self, cursor: Any, chance: random.Random) -> None:
        """Show an account."""
        with self.columns() as (amount, text):
            cursor.execute(
                f"SELECT id, {amount}, {text} FROM orders WHERE account_id = %s ORDER BY id LIMIT 20",
                (chance.randint(1, ACCOUNTS),),
            )
        assert cursor.fetchall()

    def report(self, cursor: Any, chance: random.Random) -> None:
        """Read for longer than others, from all tables."""
        cursor.execute("SELECT count(*) FROM orders WHERE id < 1000")
        cursor.execute("SELECT count(*) FROM account")
        cursor.execute(f"SELECT count(*), pg_sleep({LONG_READ}) FROM events WHERE at < {PER_PARTITION}")

    def event(self, cursor: Any, chance: random.Random) -> None:
        """Write to a partition and read."""
        at = chance.randrange(PARTITIONS * PER_PARTITION)
        cursor.execute("INSERT INTO events (at, what) VALUES (%s, 'own')", (at,))
        cursor.execute("SELECT count(*) FROM events WHERE at = %s", (at,))

    def ask(self, cursor: Any, chance: random.Random) -> None:
        """Use the view and the function."""
        cursor.execute("SELECT id FROM open_orders LIMIT 20")
        cursor.execute("SELECT orders_of(%s)", (chance.randint(1, ACCOUNTS),))


@dataclass(frozen=True)
class Wait:
    """One statement of a client that waited for a lock of a migration."""

    seconds: float = 0.0
    waiting: str = ""
    behind: str = ""

    def __str__(self) -> str:
        return (
            f"{self.seconds * 1000:.0f} ms, {' '.join(self.waiting.split())!r} behind {' '.join(self.behind.split())!r}"
        )


@dataclass
class Beside:
    """A thread that does something again and again until the block ends."""

    act: Callable[[], None]
    pause: float
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Beside:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_caught: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self.pause):
            self.act()


class Watch:
    """Looks who waits for a migration.

    :ivar longest: the longest wait that was seen.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.longest = Wait()
        self._connection = psycopg2.connect(f"{cluster.dsn} application_name=slipway-watch")
        self._connection.autocommit = True

    def look(self) -> None:
        """Once."""
        with self._connection.cursor() as cursor:
            cursor.execute(WAITING)
            self.longest = max([self.longest, *(Wait(*row) for row in cursor.fetchall())], key=lambda one: one.seconds)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """All the while."""
        with Beside(self.look, LOOKED_EVERY):
            yield
        self._connection.close()


class Pgbench:
    """PostgreSQL's own load, with prepared statements, where it is installed.

    :ivar done: transactions.
    :ivar failed: what it said when one failed.
    """

    def __init__(self, cluster: Cluster, rows: int) -> None:
        self.done = 0
        self.failed: list[str] = []
        self._script = SCRIPT.format(rows=rows, last=PARTITIONS * PER_PARTITION - 1)
        self._dsn = cluster.dsn

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until the block ends."""
        if not has("pgbench"):
            yield
            return
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(self._script)
            script.flush()
            with Beside(lambda: self._once(Path(script.name)), 0):
                yield

    def _once(self, script: Path) -> None:
        command = ["pgbench", "-n", "-M", "prepared", "-c", "2", "-T", str(PGBENCH_SECONDS), "-f", str(script)]
        ended = subprocess.run([*command, self._dsn], capture_output=True, text=True, check=False)
        counted = re.search(r"actually processed: (\d+)", ended.stdout)
        failures = re.search(r"number of failed transactions: (\d+)", ended.stdout)
        self.done += int(counted[1]) if counted else 0
        if ended.returncode or not counted or (failures and int(failures[1])):
            self.failed.append(ended.stdout + ended.stderr)
