# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of before a reload: old workers that still take work, and long-lived connections that hold them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import (
    Drain,
    refuse_undrained,
    wait_drained,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError, SystemFailure

from tests.integration.machine import get, run, wait_until

from .conftest import GREEN, PROCESS_FILE, Host

RELOADS = 12
NEW_WEBSOCKETS = 5
SHUTDOWN_TIMEOUT = 2
HANDSHAKE = (
    b"GET /websocket HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@contextmanager
def websocket() -> Iterator[socket.socket]:
    """A websocket by way of the public address, left open."""
    with socket.create_connection(("127.0.0.1", 8080), timeout=10) as connection:
        connection.sendall(HANDSHAKE)
        assert connection.recv(65536).startswith(b"HTTP/1.1 101 ")
        yield connection


def workers(host: Host) -> tuple[int, ...]:
    """All workers of the running master, those that are shutting down among them."""
    return host.processes()[1:]


def alive(processes: Sequence[int]) -> list[int]:
    return [pid for pid in processes if Path(f"/proc/{pid}").exists()]


def reload_with_websockets(host: Host, held: ExitStack) -> list[int]:
    """Reload once a second, with new websockets each time; every worker that was told to end."""
    told: list[int] = []
    most = 0
    for _reload in range(RELOADS):
        for _websocket in range(NEW_WEBSOCKETS):
            held.enter_context(websocket())
        taking_work = host.service.workers()
        gone = host.service.reload()
        wait_until(gone, 10, "no worker of before the reload takes work")
        told += taking_work
        most = max(most, len(workers(host)))
        time.sleep(1)
    print(f"{RELOADS} reloads, {NEW_WEBSOCKETS} new websockets each: at most {most} workers at once")
    return told


def test_workers_held_by_websockets_do_not_pile_up(host: Host) -> None:
    host.shutdown_timeout = SHUTDOWN_TIMEOUT
    host.install()
    with ExitStack() as held:
        told = reload_with_websockets(host, held)
        assert len(told) >= RELOADS
        wait_until(lambda: not alive(told), 20, "every old worker has ended")
        assert get()[0] == 200


def test_without_a_shutdown_timeout_they_pile_up(host: Host) -> None:
    """Negative control of the test above."""
    host.shutdown_timeout = 0
    host.install()
    assert "worker_shutdown_timeout" not in run("nginx", "-T").stdout
    with ExitStack() as held:
        told = reload_with_websockets(host, held)
        time.sleep(2 * SHUTDOWN_TIMEOUT)
        assert len(alive(told)) >= RELOADS
    wait_until(lambda: not alive(told), 20, "every old worker has ended")


def test_the_timeout_is_in_use_and_a_second_one_is_refused_by_name(host: Host) -> None:
    assert "worker_shutdown_timeout 60s;" in run("nginx", "-T").stdout
    own = PROCESS_FILE.with_name("90-own.conf")
    own.write_text("worker_shutdown_timeout 10s;\n")
    try:
        with pytest.raises(SystemFailure, match='"worker_shutdown_timeout" directive is duplicate'):
            host.install("# changed\n")
        host.shutdown_timeout = 0
        assert host.install("# changed\n").changed
        assert "worker_shutdown_timeout 10s;" in run("nginx", "-T").stdout
    finally:
        own.unlink()


def test_a_websocket_in_a_worker_of_before_a_reload_is_still_counted(host: Host) -> None:
    with websocket():
        host.install("# changed\n")
        host.switch(percents=GREEN)
        drain = Drain(("blue",), 1, "fail")
        drained = wait_drained(host.balancer, drain)
        assert drained["blue"]["connections"] == 1
        with pytest.raises(StateError, match="blue has 1"):
            refuse_undrained(drain, drained, "shop")
        refuse_undrained(Drain(("blue",), 1, "cut"), drained, "shop")
    assert wait_drained(host.balancer, Drain(("blue",), 10, "fail"))["blue"]["drained"]


@pytest.fixture
def paused(host: Host) -> Iterator[Callable[[], None]]:
    """Lets the workers go on that the test found stopped; they cannot obey a reload before that."""
    stopped = list(host.service.workers())
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)

    def go_on() -> None:
        for pid in alive(stopped):
            os.kill(pid, signal.SIGCONT)

    yield go_on
    go_on()


@pytest.fixture
def kept(host: Host) -> Iterator[socket.socket]:
    """A connection that a worker of before the reload has."""
    with socket.create_connection(("127.0.0.1", host.config.status_port), timeout=10) as connection:
        assert asked(connection) == host.service.loaded()
        yield connection


def asked(connection: socket.socket) -> str:
    """The structure that answers over this connection."""
    connection.sendall(b"GET /current HTTP/1.1\r\nHost: slipway\r\n\r\n")
    return answered(connection)


def answered(connection: socket.socket) -> str:
    return connection.recv(65536).decode().partition("\r\n\r\n")[2].split()[1]


def test_a_worker_of_before_the_reload_that_takes_work_is_no_success(
    host: Host, kept: socket.socket, paused: Callable[[], None]
) -> None:
    old = host.structure().digest()
    with pytest.raises(SystemFailure, match="processes with the old one still take work"):
        host.install("# changed\n", deadline=1)
    paused()
    wait_until(lambda: host.service.loaded() == old, 5, "the old configuration is back")
    assert host.install("# changed\n").changed


def test_fresh_connections_alone_would_be_believed_too_early(
    host: Host, kept: socket.socket, paused: Callable[[], None]
) -> None:
    """Negative control of the test above: all of them answer with the new structure, and the old one is in use."""
    old, new = host.structure().digest(), host.structure("# changed\n").digest()
    kept.sendall(b"GET /current HTTP/1.1\r\nHost: slipway\r\n\r\n")
    for path, data in host.structure("# changed\n").wanted().items():
        path.write_bytes(data or b"")
    gone = host.service.reload()
    wait_until(lambda: host.service.loaded() == new, 5, "fresh connections answer with the new structure")
    assert not gone()
    paused()
    assert answered(kept) == old
    wait_until(gone, 5, "no worker of before the reload takes work")
