# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phases of a change are broken off at each statement. Touches a cluster of its own."""

from __future__ import annotations

from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import SqlError
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.phases import Phases

from tests.integration.migrate.clusters import Cluster
from tests.integration.migrate.dual_writes import backfill, change, make, phases


def test_a_phase_killed_anywhere_is_done_by_the_next_run(cluster: Cluster) -> None:
    """The backend is ended at each statement of the phases in turn."""
    for number in range(14):
        make(cluster, "total int NOT NULL UNIQUE REFERENCES customers")
        cluster.sql("INSERT INTO orders (total) SELECT generate_series(1, 50)")
        for phase in ("expand", "backfill", "migrate", "contract"):
            for left in (number, 1000):
                with phases(cluster, change(new_type="bigint")) as both:
                    if phase == "backfill":
                        backfill(cluster, both)
                        continue
                    _break_after(cluster, both, left)
                    try:
                        getattr(both, phase)()
                    except SqlError:
                        assert left == number
        assert cluster.sql(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0"
            " AND NOT attisdropped ORDER BY 1"
        ) == [("cents",), ("id",), ("note",)]
        assert cluster.value("SELECT count(*) FROM orders WHERE cents = id") == 50


def _break_after(cluster: Cluster, both: Phases, left: int) -> None:
    """End the session's backend before its next statement but so many."""
    run_really, state = both.session.run, {"left": left}

    def counted(statements: str) -> None:
        if state["left"] == 0:
            cluster.sql("SELECT pg_terminate_backend(%s, 5000)", (both.session.pid,))
        state["left"] -= 1
        run_really(statements)

    both.session.run = counted  # type: ignore[method-assign]
