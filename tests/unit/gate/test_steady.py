# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must go on listening: a process that dies is found although it comes back, and a slow one is left alone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._gate import steady
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge
from ansible_collections.slipway.release.plugins.modules import health_gate

from tests.unit.running import module_result


def listening(port: int = 0) -> socket.socket:
    """A socket that accepts connections, as far as the kernel does."""
    made = socket.create_server(("127.0.0.1", port), backlog=512)
    made.settimeout(5)
    return made


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Somebody who listens."""
    with listening() as made:
        yield made


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def parsed(*addresses: str) -> list[steady.Listener]:
    return steady.parse([{"name": f"web on app{n}", "address": one} for n, one in enumerate(addresses, 1)])


def result_of(check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """What the module returns."""
    return module_result(health_gate, fail=False, _ansible_check_mode=check_mode, **options)


def test_a_process_that_dies_and_is_back_at_once_has_failed() -> None:
    alarm = threading.Event()
    with listening() as server:
        (listener,) = parsed(address(server))
        port = server.getsockname()[1]
        with steady.Steady([listener], alarm):
            server.accept()[0].close()
            server.close()
            assert alarm.wait(10)
            with listening(port):
                time.sleep(2 * steady.PAUSE)
    assert listener.verdict == "fail"
    result = listener.as_result()
    assert f"refused a connection after {listener.accepted} had been accepted: its process has died" in result["reason"]
    assert (result["name"], result["verdict"]) == ("web on app1", "fail")
    assert result["attempts_made"] == listener.accepted + 1 >= 2


def test_who_listens_all_along_passes(server: socket.socket) -> None:
    alarm = threading.Event()
    (listener,) = parsed(address(server))
    with steady.Steady([listener], alarm):
        for _connection in range(3):
            server.accept()[0].close()
    assert listener.verdict == "pass"
    assert listener.accepted >= 3
    assert not alarm.is_set()


def test_who_answers_with_nothing_is_no_pass_and_no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_arguments: Any) -> socket.socket:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", silent)
    (listener,) = parsed("192.0.2.1:80")
    listener.ask()
    assert (listener.verdict, listener.as_result()["reason"]) == ("insufficient", "never reached: timed out")
    assert listener.as_result()["attempts_made"] == 1
    monkeypatch.undo()
    with listening() as server:
        listener.host, listener.port = server.getsockname()
        listener.ask()
    assert listener.verdict == "pass"


def test_who_is_slow_in_a_short_time_is_waited_for(monkeypatch: pytest.MonkeyPatch, server: socket.socket) -> None:
    """As when its queue is full, and the kernel tries again after a second, which may be all the time there is."""
    real, slow = socket.create_connection, [True, True]

    def at_last(*arguments: Any) -> socket.socket:
        if slow:
            slow.pop()
            raise TimeoutError("timed out")
        return real(*arguments)

    monkeypatch.setattr(socket, "create_connection", at_last)
    (listener,) = parsed(address(server))
    with steady.Steady([listener], threading.Event()):
        pass
    assert (listener.verdict, slow) == ("pass", [])


def test_one_death_among_many_is_named_and_ends_the_call(server: socket.socket) -> None:
    with listening() as gone:
        dead = address(gone)
    began = time.monotonic()
    listeners = [{"name": "web on app1", "address": address(server)}, {"name": "web on app2", "address": dead}]
    result = result_of(steady=listeners, duration=600)
    assert time.monotonic() - began < 60
    assert (result["verdict"], result["on_course"]) == ("fail", False)
    stage = judge("analysis", ["lb1"], {"lb1": result}, {"on_course": True}, abstain={"verdict": "insufficient"})
    assert stage.verdict == "fail"
    assert "web on app2: refused a connection" in stage.message()
    assert "app1" not in stage.message()


def test_a_death_ends_metrics_that_are_not_decided(tmp_path: Path) -> None:
    with listening() as gone:
        dead = address(gone)
    database = tmp_path / "shop.sqlite"
    database.touch()
    orders = {
        "name": "orders",
        "type": "sql",
        "database": str(database),
        "query": "SELECT 1",
        "success_condition": "result == 1",
        "interval": 300,
        "count": 2,
    }
    result = result_of(steady=[{"name": "web on app1", "address": dead}], metrics=[orders])
    assert (result["verdict"], result["on_course"]) == ("fail", False)
    assert result["metrics"][0]["verdict"] == "insufficient"


def test_the_time_is_taken_where_nothing_else_is_measured(server: socket.socket) -> None:
    result = result_of(steady=[{"name": "web on app1", "address": address(server)}], duration=2)
    assert (result["verdict"], result["on_course"]) == ("pass", True)
    assert result["elapsed_ms"] >= 2000
    (found,) = result["checks"]
    assert found["attempts_made"] >= 2


def test_nobody_is_asked_in_check_mode_or_after_checks_that_failed(server: socket.socket) -> None:
    listeners = [{"name": "web on app1", "address": address(server)}]
    foreseen = result_of(check_mode=True, steady=listeners, duration=600)
    assert (foreseen["verdict"], foreseen["checks"][0]["reason"]) == ("insufficient", "check mode: would be measured")
    failing = {"name": "never", "type": "command", "argv": ["false"], "failures": 1}
    result = result_of(steady=listeners, checks=[failing], duration=600)
    assert result["verdict"] == "fail"
    assert result["checks"][1]["reason"] == "not measured: the checks did not pass"


def test_without_a_time_it_is_refused() -> None:
    result = result_of(steady=[{"name": "web", "address": "127.0.0.1:80"}])
    assert "steady" in result["msg"]
    assert "say for how many seconds with 'duration'" in result["msg"]


def test_names_are_unique() -> None:
    with pytest.raises(InputError) as refused:
        steady.parse([{"name": "web", "address": "192.0.2.1:80"}, {"name": "web", "address": "192.0.2.2:80"}])
    assert refused.value.where == "steady[1].name"


@pytest.mark.parametrize("wrong", ["192.0.2.1", "192.0.2.1:0", ":80"])
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(InputError) as refused:
        parsed(wrong)
    assert refused.value.where == "steady[0].address"


def test_no_more_than_one_call_has_threads_for() -> None:
    with pytest.raises(InputError) as refused:
        parsed(*["192.0.2.1:80"] * 257)
    assert refused.value.where == "steady"
