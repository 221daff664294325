# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backfills of the tests: how they are described and run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import (
    Definition,
    parse_definition,
    parse_limits,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.run import Backfill, Outcome
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import Session
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from tests.integration.migrate.clusters import Cluster

COUNTED = {"set": {"done": "true", "times": "times + 1"}, "where": "done IS NOT TRUE"}


def definition(**given: Any) -> Definition:
    """A backfill of ``item`` that counts how often each row was changed, unless something else is given."""
    return parse_definition({"name": "one", "schema": "public", "table": "item", "key": [], **COUNTED, **given})


def backfill(cluster: Cluster, what: Definition, *, dsn: str = "", lock_deadline: float = 1, **limits: int) -> Backfill:
    """Ready to run."""
    access = Access(dsn or cluster.dsn)
    return Backfill(
        connect=lambda settings: Session(access, "backfill test", settings),
        definition=what,
        limits=parse_limits({"pause_ms": 0, **limits}),
        lock_deadline=lock_deadline,
    )


def run(cluster: Cluster, what: Definition | None = None, **given: Any) -> Outcome:
    """Run one."""
    return backfill(cluster, what or definition(), **given).run()


def fill(cluster: Cluster, rows: int) -> None:
    """The table ``item`` with this many rows, none of them done."""
    cluster.sql("DROP TABLE IF EXISTS item, slipway_backfills")
    cluster.sql("CREATE TABLE item (id bigint PRIMARY KEY, note text, done boolean, times integer NOT NULL DEFAULT 0)")
    cluster.sql("INSERT INTO item (id, note) SELECT g, repeat('x', 40) FROM generate_series(1, %s) g", (rows,))
    cluster.sql("ANALYZE item")


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """What the condition gives once it gives something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")
