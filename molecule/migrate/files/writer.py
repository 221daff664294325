# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes orders until a file exists, each in a transaction of its own that is never tried again, and reports."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psycopg2

PAUSE = 0.005


def main(dsn: str, table: str, stop: Path, report: Path, seconds: float) -> None:
    """Write."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    written, failed, longest, first = 0, 0, 0.0, ""
    end = time.monotonic() + seconds
    while not stop.exists() and time.monotonic() < end:
        began = time.monotonic()
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"INSERT INTO {table} DEFAULT VALUES")
            written += 1
        except psycopg2.Error as exc:
            failed, first = failed + 1, first or str(exc).strip()
        longest = max(longest, time.monotonic() - began)
        time.sleep(PAUSE)
    told = {"written": written, "failed": failed, "first": first, "longest_ms": round(longest * 1000)}
    report.write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5]))
