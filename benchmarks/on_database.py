# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations and backfills on PostgreSQL: run on a machine that has it, as root, ``python3 -m benchmarks.on_database``.

Prints figures. Touches a cluster of its own, and temporary directories.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import backfill, migrations
from .cluster import cluster
from .kit import Kit


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.on_database", description=__doc__)
    parser.add_argument("kit", type=Path, help="directory with the modules and the peer")
    parser.add_argument("--rounds", type=int, default=5, help="of each side (%(default)s)")
    parser.add_argument("--migrations", type=int, default=migrations.COUNT, help="0 for none (%(default)s)")
    parser.add_argument("--rows", type=int, nargs="*", default=list(backfill.ROWS), help="of each backfill")
    options = parser.parse_args()
    kit = Kit(options.kit)
    with cluster() as server:
        print(server.psql("postgres", "SELECT version()"), flush=True)
        if options.migrations:
            print("\n".join(migrations.figures(server, kit, options.rounds, options.migrations)), flush=True)
        for rows in options.rows:
            print("\n".join(backfill.figures(server, kit, options.rounds, rows)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
