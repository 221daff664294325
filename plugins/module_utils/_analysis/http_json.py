# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source: a value in a JSON document over HTTP.

Asks the server; touches nothing.
"""

from __future__ import annotations

from typing import Any

from .._gate.http import lookup, steps
from .._gate.options import Options
from .model import Moment, Reading, Source
from .sides import Sides, placed
from .web import Server, server_of


class HttpJson(Source):
    """A document, and the path of the value in it, for each side. What is not there is no data.

    :param path: such as ``data.orders[0].count``; empty for the whole document.
    """

    def __init__(self, server: Server, path: str, sides: Sides) -> None:
        self.server = server
        self.path = path
        self.sides = sides

    @classmethod
    def from_options(cls, options: Options, sides: Sides) -> HttpJson:
        """Read ``url`` and ``path``, and how to reach the server."""
        path = options.text("path", "")
        try:
            steps(path or "document")
        except ValueError as exc:
            raise options.refuse("path", "is no path", "write it like data.orders[0].count") from exc
        server = server_of(options)
        placed(options, sides, "url", server.url + path)
        return cls(server, path, sides)

    def target(self) -> str:
        return f"GET {self.server.shown()}" + (f" {self.path}" if self.path else "")

    def measure(self, moment: Moment) -> Reading:
        urls, paths = self.sides.filled(self.server.url), self.sides.filled(self.path)
        timeout = moment.timeout / len(urls)
        return Reading({side: self._asked(urls[side], paths[side], timeout) for side in urls})

    def _asked(self, url: str, path: str, timeout: float) -> Any:
        status, document = self.server.get(url, timeout)
        if not 200 <= status <= 299:
            raise self.server.refused(status, document)
        if not path:
            return document
        try:
            return lookup(document, path)
        except (KeyError, IndexError, TypeError):
            return None
