# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that ends a reused connection without an answer: HAProxy ends the client's one without a 502.

Who counts answers of 5xx alone does not see such a loss, and the meter does.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.integration.load import Load
from tests.integration.machine import PORTS, Instance, wait_until

from .conftest import CONFIG, PORT, Host, up


class DiesOnReuse(BaseHTTPRequestHandler):
    """Answers the first request of a connection, and ends the connection at the second."""

    protocol_version = "HTTP/1.1"
    answered = False

    def do_GET(self) -> None:
        if self.answered and not self.path.startswith("/health"):
            self.close_connection = True
            return
        self.answered = True
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def dying(host: Host, instances: dict[str, Instance]) -> Iterator[Host]:
    """HAProxy with a blue slot that dies on reused connections."""
    with ExitStack() as servers:
        for name in CONFIG.instances("blue"):
            instances[name].end()
            server = servers.enter_context(ThreadingHTTPServer(("127.0.0.1", PORTS[name]), DiesOnReuse))
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            servers.callback(thread.join)
            servers.callback(server.shutdown)
        wait_until(lambda: {"blue-app1", "blue-app2"} <= up(host), 10, "the servers are up")
        yield host


def test_the_client_is_cut_without_an_answer(dying: Host) -> None:
    user = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    with pytest.raises(http.client.RemoteDisconnected):
        for _request in range(10):
            user.request("GET", "/plain")
            answer = user.getresponse()
            answer.read()
            assert answer.status == 200
    user.close()


def test_the_meter_counts_what_shows_in_no_status(dying: Host) -> None:
    with Load(seconds=20, rate=100, slow=0, long=0) as load:
        time.sleep(3)
    assert load.lost > 0, load.report
    statuses = {status for status in load.report["total"]["statuses"] if status.startswith("5")}
    shown = sum(load.report["total"]["statuses"][status] for status in statuses)
    print(f"{load.lost} lost, {shown} of them with a status of 5xx")
    assert load.lost > 2 * shown
    assert load.report["total"]["lost_by"]["reset"] > 0
