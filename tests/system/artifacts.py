# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller as a server of artifacts, which the machines of the lab fetch from. Listens on the lab's network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Well below the time after which a fetch without a byte is given up.
PATIENCE = 5


class Archives(SimpleHTTPRequestHandler):
    """Answers with files of a directory.

    :param held: address of a machine that gets a byte now and then until it is released.
    """

    def __init__(self, *arguments: Any, held: str, released: threading.Event, **named: Any) -> None:
        self.held = held
        self.released = released
        super().__init__(*arguments, **named)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a file."""
        while self.client_address[0] == self.held and not self.released.wait(PATIENCE):
            outputfile.write(source.read(1))
        super().copyfile(source, outputfile)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def served(directory: Path, address: str, held: str = "", released: threading.Event | None = None) -> Iterator[str]:
    """The address below which the files of a directory are.

    :param held: address of a machine whose downloads last until ``released``.
    """
    released = released or threading.Event()
    handler = partial(Archives, held=held, released=released, directory=str(directory))
    server = ThreadingHTTPServer((address, 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}"
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()
