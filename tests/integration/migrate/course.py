# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an undisturbed run of some migrations does, and whether a run after one that was struck comes to the same.

Touches the databases that it makes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Session

from .scene import Ended, history, in_child, kill_module, options, picture
from .server import Database, Server

Strike = Callable[[Session], None]
_FILES = {
    "001_tables.sql": """
CREATE TABLE orders (id bigint PRIMARY KEY, state text NOT NULL, note text);
INSERT INTO orders SELECT n, 'new', 'note ' || n FROM generate_series(1, ROWS) AS n;
CREATE TABLE events (at int, what text) PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM (100) TO (200);
INSERT INTO events SELECT n, 'event' FROM generate_series(0, 199) AS n;
""",
    "002_function.sql": """
CREATE FUNCTION total() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM orders; END;
CREATE TYPE state AS ENUM ('new', 'paid');
UPDATE orders SET note = note || '!' WHERE id % 2 = 0;
""",
    "003_indexes.sql": """-- slipway:transaction off
SET maintenance_work_mem = '8MB';
CREATE INDEX CONCURRENTLY orders_state ON orders (state);
UPDATE orders SET note = note || '?';
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS orders_note ON orders (note);
ALTER TYPE state ADD VALUE 'sent';
REINDEX TABLE CONCURRENTLY orders;
DROP INDEX CONCURRENTLY orders_state;
INSERT INTO orders VALUES (0, 'paid', 'last');
ALTER TABLE events DETACH PARTITION events_old CONCURRENTLY;
VACUUM orders;
""",
    "004_column.sql": """
ALTER TABLE orders ADD paid state;
UPDATE orders SET paid = 'sent' WHERE id < 10;
""",
    "R__view.sql": "CREATE OR REPLACE VIEW open_orders AS SELECT id FROM orders WHERE state = 'new';",
}


def files(rows: int) -> dict[str, str]:
    """Migrations of all kinds.

    :param rows: that they change; the more, the longer each statement takes.
    """
    return {name: text.replace("ROWS", str(rows)) for name, text in _FILES.items()}


class Course:
    """What an undisturbed run does, to compare with."""

    def __init__(self, server: Server, directory: Path, files: dict[str, str]) -> None:
        self.server = server
        self.directory = directory
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
        database = server.create("undisturbed")
        self.steps = in_child(options(directory, database)).steps
        self.picture = picture(database)
        self.history = history(database)
        server.drop(database)

    def survive(self, name: str, at: int, strike: Strike) -> None:
        """A run that is struck at a step, and the one after it."""
        database = self.server.create(name)
        struck = in_child(options(self.directory, database, retry_deadline=20), at, strike)
        assert struck.struck, f"never came to step {at} of {self.steps}: {struck}"
        assert struck.killed is (strike is kill_module), f"step {at}: {struck}"
        told = struck.killed or os.waitstatus_to_exitcode(struck.status) in (0, 1)
        assert told, f"struck at step {at}: no error of ours: {struck}"
        self.server.wait()
        self.require_end(database, struck, f"struck at step {at} of {self.steps}")

    def require_end(self, database: Database, struck: Ended | None, what: str) -> None:
        """One more run ends as if nothing had been."""
        again = in_child(options(self.directory, database, retry_deadline=20, lock_deadline=20))
        assert again.status == 0, f"{what} ({struck}): the run after it: {again.error}"
        assert picture(database) == self.picture, what
        assert history(database) == self.history, what
        self.server.drop(database)
