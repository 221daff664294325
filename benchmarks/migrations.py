# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""1,000 migrations that are pending, and 1,000 that are applied: the module, its runner alone, a peer, and psql.

The floor is the same SQL in the same transactions in one session of psql; of what is applied, a session of psql that
reads a list of 1,000 names.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._migrate.linting import Lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.options import Options
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import Run
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from .cluster import Cluster
from .kit import Kit
from .programs import DATABASE, Programs, timed
from .sides import Sides

COUNT = 1_000
WARM_UP = 20
NO_OPS = 3
FLOOR = "psql, one session (floor)"
STATEMENTS = (
    "CREATE TABLE t{0} (id bigint PRIMARY KEY, state text NOT NULL, at timestamptz NOT NULL DEFAULT now());",
    "CREATE INDEX t{0}_state ON t{0} (state);",
    "INSERT INTO t{0} (id, state) VALUES (1, 'new'), (2, 'paid');",
    "ALTER TABLE t{0} ADD COLUMN note text;",
    "COMMENT ON TABLE t{0} IS 'orders of shop {0}';",
    "CREATE VIEW v{0} AS SELECT id FROM t{0} WHERE state = 'new';",
    "CREATE FUNCTION f{0}() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM t{0}';",
    "ALTER TABLE t{0} ALTER COLUMN state SET DEFAULT 'new';",
    "UPDATE t{0} SET note = 'first' WHERE id = 1;",
    "ALTER TABLE t{0} ADD CONSTRAINT t{0}_state CHECK (state <> '') NOT VALID;",
)
MADE = "SELECT count(*) FROM pg_class WHERE relname ~ '^[tv][0-9]'"
LIST = "CREATE TABLE by_hand AS SELECT format('%s_step.sql', n) AS name FROM generate_series(1, {}) AS n;"


def write(directory: Path, count: int) -> None:
    """Migrations of one statement each, and the same for psql."""
    by_hand = ""
    for number in range(count):
        path = directory / f"{number + 1:04}_step.sql"
        path.write_text(STATEMENTS[number % len(STATEMENTS)].format(number // len(STATEMENTS)) + "\n", encoding="ascii")
        by_hand += f"BEGIN;\n\\i {path}\nCOMMIT;\n"
    (directory / "by_hand.psql").write_text(by_hand, encoding="ascii")


class Scene:
    """A server, what runs, and the migrations."""

    def __init__(self, server: Cluster, kit: Kit, directory: Path) -> None:
        self.server = server
        self.directory = directory
        programs = Programs(server, kit, directory)
        self.peer = f"{kit.peer_version()}, its process"
        self.sides: dict[str, Callable[[], object]] = {
            "pg_migrate, its process": lambda: programs.module("pg_migrate"),
            "pg_migrate, the runner alone": lambda: self.runner(Lint({})),
            "pg_migrate, the runner, no lint": lambda: self.runner(None),
            self.peer: programs.peer,
        }

    def measure(self, rounds: int) -> tuple[Sides, Sides]:
        """Times of each side, for migrations that are pending, and for those that are applied."""
        pending, applied = Sides(FLOOR, self.peer), Sides(FLOOR, self.peer)
        for _round in range(rounds):
            made = self._by_hand(pending, applied)
            for name, side in self.sides.items():
                self.server.anew(DATABASE)
                pending.add(name, timed(side))
                for _again in range(NO_OPS):
                    applied.add(name, timed(side))
                if self.server.psql(DATABASE, MADE) != made:
                    raise RuntimeError(f"{name} has not made what psql made")
        return pending, applied

    def _by_hand(self, pending: Sides, applied: Sides) -> str:
        """The floor, and how many relations it has made."""
        self.server.anew(DATABASE)
        files = len(list(self.directory.glob("*.sql")))
        script = (self.directory / "by_hand.psql").read_text(encoding="ascii")
        pending.add(FLOOR, timed(lambda: self.server.psql(DATABASE, script)))
        made = self.server.psql(DATABASE, f"{LIST.format(files)} {MADE}")
        for _again in range(NO_OPS):
            applied.add(FLOOR, timed(lambda: self.server.psql(DATABASE, "SELECT name FROM by_hand")))
        return made

    def runner(self, lint: Lint | None) -> None:
        """What the module calls, without the start of a process."""
        Run(Options(self.directory, Access(self.server.dsn(DATABASE))), lint).do()


def figures(server: Cluster, kit: Kit, rounds: int, count: int = COUNT) -> Iterable[str]:
    """Measure, after a round of few migrations that counts for nothing."""
    for files in (WARM_UP, count):
        with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
            write(Path(name), files)
            pending, applied = Scene(server, kit, Path(name)).measure(rounds if files == count else 1)
    yield from pending.lines(f"{count} pending migrations")
    yield from applied.lines(f"{count} applied migrations (no-op)")
