# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backfills beside one UPDATE in one session of psql, which is the floor, a loop in a procedure, and a peer.

The loop is what people write by hand: batches of 10,000 keys, each committed, without a record, without limits. The
peer runs the UPDATE as a migration. Every side gets the same table, made anew and checkpointed, and they take turns.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import (
    parse_definition,
    parse_limits,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.run import Backfill
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import Session
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from .cluster import Cluster
from .kit import BACKFILL, Kit
from .programs import DATABASE, Programs, timed
from .sides import Sides

ROWS = (300_000, 1_000_000)
FLOOR = "one UPDATE in psql (floor)"
MAKE = """
CREATE TABLE item (id bigint PRIMARY KEY, total int NOT NULL, note text, cents bigint);
INSERT INTO item SELECT g, g % 1000, repeat('x', 60), NULL FROM generate_series(1, {rows}) g;
VACUUM (FREEZE, ANALYZE) item;
CREATE PROCEDURE fill(size int) LANGUAGE plpgsql AS $$
DECLARE done bigint := 0; last bigint;
BEGIN
  LOOP
    SELECT max(id) INTO last FROM (SELECT id FROM item WHERE id > done ORDER BY id LIMIT size) batch;
    EXIT WHEN last IS NULL;
    UPDATE item SET cents = total::bigint * 100 WHERE id > done AND id <= last AND cents IS NULL;
    COMMIT;
    done := last;
  END LOOP;
END $$;
CHECKPOINT;
"""
UPDATE = "UPDATE item SET cents = total::bigint * 100 WHERE cents IS NULL;"
LEFT = "SELECT count(*) FROM item WHERE cents IS DISTINCT FROM total * 100"


def runner(server: Cluster) -> None:
    """What the module calls, without the start of a process and without a pause."""
    access = Access(server.dsn(DATABASE))
    Backfill(
        connect=lambda settings: Session(access, "benchmark", settings),
        definition=parse_definition({"schema": "public", "key": [], **BACKFILL}),
        limits=parse_limits({"pause_ms": 0}),
    ).run()


def figures(server: Cluster, kit: Kit, rounds: int, rows: int) -> Iterable[str]:
    """Rows per second of each side."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        (Path(name) / "1_fill.sql").write_text(UPDATE, encoding="ascii")
        programs = Programs(server, kit, Path(name))
        peer = f"{kit.peer_version()}, one UPDATE"
        sides: dict[str, Callable[[], object]] = {
            FLOOR: lambda: server.psql(DATABASE, UPDATE),
            "loop of 10,000 in a procedure": lambda: server.psql(DATABASE, "CALL fill(10000)"),
            peer: programs.peer,
            "pg_backfill, runner, no pause": lambda: runner(server),
            "pg_backfill, process, no pause": lambda: programs.module("pg_backfill_no_pause"),
            "pg_backfill, process, as it comes": lambda: programs.module("pg_backfill"),
        }
        taken = Sides(FLOOR, peer)
        for _round in range(rounds):
            for side, run in sides.items():
                server.anew(DATABASE)
                server.psql(DATABASE, MAKE.format(rows=rows))
                taken.add(side, timed(run))
                if server.psql(DATABASE, LEFT) != "0":
                    raise RuntimeError(f"{side} has left rows out")
    return taken.lines(f"backfill of {rows} rows, fsync on", rows)
