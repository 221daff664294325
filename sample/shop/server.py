# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The http component's process: listens, and terminates gracefully at SIGTERM.

Touches its port. After SIGTERM: not ready at once; requests are answered during the grace period, with
``Connection: close``; then no new connections; what is in flight finishes; the rest ends at the deadline.
"""

from __future__ import annotations

import asyncio
import signal

from .application import Application
from .http import HttpProtocol
from .settings import Settings

BACKLOG = 1024
POLL = 0.05
FLUSH = 0.5


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then terminate gracefully."""
    loop = asyncio.get_running_loop()
    application = Application(settings)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = await loop.create_server(
        lambda: HttpProtocol(application, loop), settings.address, settings.port, backlog=BACKLOG
    )
    application.start()
    watch = loop.create_task(application.database.watch())
    await stopping.wait()
    await terminate(application, server)
    watch.cancel()


async def terminate(application: Application, server: asyncio.AbstractServer) -> None:
    """Take the instance out of service without losing a request that can still be answered."""
    loop = asyncio.get_running_loop()
    application.draining = True
    deadline = loop.time() + max(application.settings.deadline, application.settings.grace)
    await asyncio.sleep(application.settings.grace)
    server.close()
    for connection in list(application.connections):
        connection.close_idle()
    while application.connections and loop.time() < deadline:
        await asyncio.sleep(POLL)
    for connection in list(application.connections):
        connection.finish()
    flushed = loop.time() + FLUSH
    while application.connections and loop.time() < flushed:
        await asyncio.sleep(POLL)
