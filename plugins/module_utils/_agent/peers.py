# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the agents of the other balancers, all at the same time.

Opens one TCP connection to each; touches nothing.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from .._common.errors import SlipwayError
from .._gate.wire import Incomplete, exchange
from .log import Log
from .report import Report

ANSWER_SECONDS = 1.0
MOST_AT_ONCE = 16


class Peers:
    """The other balancers of an application.

    :param addresses: ``address:port`` of their agents.
    """

    def __init__(self, app: str, addresses: Sequence[str], log: Log) -> None:
        self.app = app
        self.addresses = tuple(addresses)
        self.log = log

    def ask(self) -> Mapping[str, Report | None]:
        """Every peer's report, ``None`` for those without a usable answer."""
        if not self.addresses:
            return {}
        with ThreadPoolExecutor(max_workers=min(MOST_AT_ONCE, len(self.addresses))) as pool:
            return dict(zip(self.addresses, pool.map(self._ask_one, self.addresses)))

    def _ask_one(self, address: str) -> Report | None:
        topic = f"peer {address}"
        try:
            report = _report(address)
        except SlipwayError as exc:
            self.log.warning(topic, exc.message())
        except (OSError, ValueError, Incomplete) as exc:
            self.log.warning(topic, f"no answer: {type(exc).__name__}: {exc}")
        else:
            if report.app == self.app:
                self.log.settled(topic)
                return report
            self.log.warning(topic, f"answers for application {report.app!r}; correct agent.peers")
        return None


def _report(address: str) -> Report:
    host, _colon, port = address.rpartition(":")
    deadline = time.monotonic() + ANSWER_SECONDS
    request = f"GET /state HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode("ascii")
    with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS) as connection:
        reply = exchange(connection, "GET", request, deadline)
    if reply.status != 200:
        raise Incomplete(f"status {reply.status}: {reply.body[:200].decode('utf-8', 'replace')}")
    return Report.from_dict(json.loads(reply.body), address)
