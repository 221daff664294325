# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloads: many in a row, failed ones, under load and far away, and what holds the workers of before."""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import Health
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy import MASTER_SOCKET
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_service import OWN_DIRECTORY
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_socket import Processes
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure

from tests.integration.load import Load, reached
from tests.integration.machine import run, wait_until

from .conftest import CONFIG, PORT, Host, ask, runtime, slot_of

SIGNALS = 20
RELOADS = 6
NEW_WEBSOCKETS = 5
HARD_STOP_AFTER = 2
ROUND_TRIP_RELOADS = 10
IDLE_CLOSE = "    option idle-close-on-response\n"
HANDSHAKE = (
    b"GET /websocket HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def processes(host: Host) -> Processes:
    """The master and its workers."""
    found = host.balancer.processes()
    assert found is not None
    return found


def master() -> int:
    """Process id of the master."""
    return int(run("systemctl", "show", "-P", "MainPID", "haproxy").stdout)


def structures(number: int) -> Host:
    """The application with one of several structures."""
    return Host(CONFIG, lambda text: f"# {number}\n{text}")


def test_the_last_of_several_quick_changes_is_in_use_whatever_else_reloads(own: Host) -> None:
    """Somebody's signals in between: HAProxy makes fewer reloads of them than there were signals."""
    before = processes(own).reloads
    for number in range(5):
        for _signal in range(SIGNALS // 5):
            os.kill(master(), signal.SIGUSR2)
        other = structures(number)
        assert other.install().changed
        assert other.balancer.structure() == other.structure().digest()
    last = structures(4)
    wait_until(lambda: settled(own), 20, "the reloads are over")
    made = processes(own).reloads - before
    print(f"{SIGNALS} signals and 5 installations made {made} reloads")
    assert made < SIGNALS + 5
    assert own.balancer.structure() == last.structure().digest()
    assert {ask()[0] for _round in range(20)} == {200}


def settled(host: Host) -> bool:
    """Whether no reload is under way and no worker of before is left."""
    try:
        one = processes(host)
        time.sleep(0.3)
        return one == processes(host) and not one.old_workers
    except SystemFailure:
        return False


def test_a_switch_in_the_middle_of_reloads_is_done_and_stays(own: Host) -> None:
    for number in range(12):
        slot, other = ("green", "blue") if number % 2 == 0 else ("blue", "green")
        os.kill(master(), signal.SIGUSR2)
        assert own.switch(percents={slot: 100, other: 0}, force=True).verified
        assert {slot_of(ask()) for _round in range(5)} == {slot}
    wait_until(lambda: settled(own), 20, "the reloads are over")
    assert own.balancer.live().percents == {"blue": 100, "green": 0}
    assert {slot_of(ask()) for _round in range(20)} == {"blue"}


@pytest.fixture
def slow_to_read(own: Host, tmp_path: Path) -> Iterator[Path]:
    """HAProxy takes its time to read its configuration: after the application's part it waits for this pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    part = OWN_DIRECTORY / "zz-slow.cfg"
    part.write_text(f"backend slow\n    http-request set-header X %[str(a),map({pipe})]\n", encoding="utf-8")
    yield pipe
    part.unlink()


def read_and_waiting(pipe: Path) -> int:
    """A descriptor that keeps a reader of the pipe waiting until it is closed."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as exc:
            assert exc.errno == errno.ENXIO and time.monotonic() < deadline, "HAProxy reads its configuration"
            time.sleep(0.01)


def test_a_worker_that_read_the_old_state_and_starts_with_it_is_switched_too(own: Host, slow_to_read: Path) -> None:
    """The state is written after HAProxy has read it and before the new worker is there."""
    recorded = own.balancer.recorded()
    assert recorded is not None
    wanted = replace(recorded, generation=recorded.generation + 1, percents={"blue": 0, "green": 100})
    worker = own.workers()
    runtime(MASTER_SOCKET, "reload")
    waiting = read_and_waiting(slow_to_read)
    with ThreadPoolExecutor(1) as pool:
        applied = pool.submit(own.balancer.apply, wanted)
        wait_until(lambda: own.balancer.recorded() == wanted, 10, "the state is written")
        os.close(waiting)
        applied.result(30)
    assert own.workers() != worker
    assert {slot_of(ask()) for _round in range(20)} == {"green"}
    assert own.balancer.agrees(wanted, own.balancer.live())


def test_a_reload_between_two_commands_leaves_no_worker_out(own: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that was the newest becomes an old one, which answers once more on each idle connection."""
    idle = [http.client.HTTPConnection("127.0.0.1", PORT, timeout=10) for _user in range(5)]
    assert {slot_over(connection) for connection in idle} == {"blue"}
    ask_master = own.balancer._processes
    asked: list[Processes | None] = []

    def reload_after_the_first_answer() -> Processes | None:
        answer = ask_master()
        asked.append(answer)
        if len(asked) == 1:
            own.reload()
        return answer

    recorded = own.balancer.recorded()
    assert recorded is not None
    slow = threading.Thread(target=ask, args=("/slow?ms=2500",))
    slow.start()
    wait_until(lambda: own.balancer.connections("blue") == 1, 5, "the request is in flight")
    monkeypatch.setattr(own.balancer, "_processes", reload_after_the_first_answer)
    own.balancer.apply(replace(recorded, generation=recorded.generation + 1, percents={"blue": 0, "green": 100}))
    assert asked[0] != asked[-1]
    assert [slot_over(connection) for connection in idle] == ["green"] * len(idle)
    slow.join()


def slot_over(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/plain")
    answer = connection.getresponse()
    answer.read()
    return str(answer.headers["X-Slipway-Slot"])


def test_a_failed_reload_of_somebody_else_does_not_fail_the_next_installation(own: Host) -> None:
    broken = OWN_DIRECTORY / "zz-broken.cfg"
    broken.write_text("nonsense\n", encoding="utf-8")
    assert runtime(MASTER_SOCKET, "reload") == "", "the master says nothing, whatever becomes of it"
    wait_until(lambda: failed(own) == 1, 10, "the master has counted the failure")
    broken.unlink()
    assert structures(1).install().changed
    assert failed(own) == 0


def failed(host: Host) -> int:
    """How many reloads failed since the last that did not; -1 while the master does not answer."""
    try:
        return processes(host).failed
    except SystemFailure:
        return -1


def test_the_master_ends_its_answer_for_those_alone_who_close_their_side(own: Host) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(MASTER_SOCKET)
        connection.sendall(b"show proc\n")
        assert connection.recv(65536)
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.recv(65536)
        assert processes(own).workers, "it answers others meanwhile"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(65536) == b""


def reload_under_load(host: Host, port: int) -> Load:
    """Change the structure many times while users keep connections at a round trip of 20 ms."""
    with Load(seconds=90, rate=150, slow=10, long=0, port=port) as load:
        time.sleep(1)
        for number in range(ROUND_TRIP_RELOADS):
            other = Host(replace(CONFIG, health=Health(interval=2 + number % 2)), host.edit)
            assert other.install().changed
            time.sleep(0.5)
    return load


def test_reloads_lose_nothing_at_a_round_trip_of_20_ms(own: Host) -> None:
    """``idle-close-on-response``: an idle connection is closed with an answer, so that no request meets the close."""
    with reached(PORT, 10) as port:
        load = reload_under_load(own, port)
    print(f"{ROUND_TRIP_RELOADS} reloads: {load.answered} answered, {load.lost} lost")
    assert load.lost == 0, [row for row in load.records if row["outcome"] != "ok"]
    assert load.sent("keepalive") > 500


def test_without_idle_close_on_response_reloads_are_seen_to_lose_requests(own: Host) -> None:
    """Negative control of the test above."""
    without = Host(CONFIG, lambda text: text.replace(IDLE_CLOSE, ""))
    assert IDLE_CLOSE in own.structure().files[OWN_DIRECTORY / "shop.cfg"]
    without.install()
    with reached(PORT, 10) as port:
        load = reload_under_load(without, port)
    print(f"{ROUND_TRIP_RELOADS} reloads: {load.answered} answered, {load.lost} lost")
    assert load.lost > 0


@contextmanager
def websocket() -> Iterator[socket.socket]:
    """A websocket by way of the public address, left open."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as connection:
        connection.sendall(HANDSHAKE)
        assert connection.recv(65536).startswith(b"HTTP/1.1 101 ")
        yield connection


def reload_with_websockets(host: Host, held: ExitStack) -> list[int]:
    """Reload with new websockets each time; every worker that was told to end."""
    told: list[int] = []
    for _reload in range(RELOADS):
        for _websocket in range(NEW_WEBSOCKETS):
            held.enter_context(websocket())
        told += host.workers()
        host.reload()
    return told


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_workers_held_by_websockets_do_not_pile_up(own: Host) -> None:
    Host(CONFIG, balancer_haproxy_hard_stop_after=str(HARD_STOP_AFTER)).install()
    with ExitStack() as held:
        told = reload_with_websockets(own, held)
        assert len(told) == RELOADS
        wait_until(lambda: not alive(told), 20, "every old worker has ended")
        assert ask()[0] == 200


def test_with_a_longer_hard_stop_after_they_stay(own: Host) -> None:
    """Negative control of the test above; their websockets hold a drain meanwhile."""
    with ExitStack() as held:
        told = reload_with_websockets(own, held)
        time.sleep(2 * HARD_STOP_AFTER)
        assert alive(told) == told
        own.switch(percents={"blue": 0, "green": 100})
        found = wait_drained(own.balancer, Drain(("blue",), 0, "cut"))
        assert found["blue"]["connections"] == RELOADS * NEW_WEBSOCKETS
    assert wait_drained(own.balancer, Drain(("blue",), 10, "fail"))["blue"]["drained"]
    wait_until(lambda: not alive(told), 20, "every old worker has ended")
