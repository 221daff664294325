# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The optional database: whether PostgreSQL answers, asked every two seconds in a thread of its own.

Touches the database named by DATABASE_URL with ``select 1`` only. Needs psycopg2 when a database is configured.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

INTERVAL = 2
UNCONFIGURED = "unconfigured"
CONNECTED = "connected"


class Database:
    """Watches one database; ``status`` never contains the connection string.

    :param url: a libpq connection string or URL; empty for no database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.status = "unknown" if url else UNCONFIGURED

    @property
    def usable(self) -> bool:
        """Whether requests can be served, as far as the database is concerned."""
        return self.status in (UNCONFIGURED, CONNECTED)

    async def watch(self) -> None:
        """Keep ``status`` up to date until cancelled."""
        if not self._url:
            return
        try:
            driver: Any = importlib.import_module("psycopg2")
        except ImportError:
            self.status = "psycopg2 is not installed"
            return
        while True:
            self.status = await asyncio.get_running_loop().run_in_executor(None, self._probe, driver)
            await asyncio.sleep(INTERVAL)

    def _probe(self, driver: Any) -> str:
        try:
            connection = driver.connect(self._url, connect_timeout=INTERVAL)
        except driver.Error as exc:
            return f"unreachable ({type(exc).__name__})"
        try:
            with connection.cursor() as cursor:
                cursor.execute("select 1")
            return CONNECTED
        except driver.Error as exc:
            return f"failing ({type(exc).__name__})"
        finally:
            connection.close()
