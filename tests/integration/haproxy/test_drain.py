# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain counts: requests and long-lived connections, and not the connections that HAProxy keeps for later."""

from __future__ import annotations

import http.client
import threading

from ansible_collections.slipway.release.plugins.module_utils._balancer.connections import count
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained

from tests.integration.load import Load
from tests.integration.machine import Instance, wait_until

from .conftest import CONFIG, PORT, Host, ask, runtime

CLIENTS = 20


def kept_connections(slot: str) -> int:
    """Connections that HAProxy has to a slot and keeps for later requests."""
    header, *rows = runtime(CONFIG.socket, f"show servers conn slipway-shop-{slot}").strip().splitlines()
    column = header.lstrip("# ").split().index("idle_cur")
    return sum(int(row.split()[column]) for row in rows)


def fill_pool(slot: str) -> None:
    """Leave HAProxy with idle connections to the slot, made by requests that were in flight at once."""
    slow = [threading.Thread(target=ask, args=("/slow?ms=400",)) for _client in range(CLIENTS)]
    for thread in slow:
        thread.start()
    for thread in slow:
        thread.join()
    assert kept_connections(slot) >= CLIENTS // 2


def test_connections_kept_for_later_do_not_hold_a_drain(host: Host) -> None:
    """They stay for half a minute after the last request: a drain that counts them ends at its deadline."""
    fill_pool("blue")
    host.switch(percents={"blue": 0, "green": 100})
    found = wait_drained(host.balancer, Drain(("blue", "blue-app1"), 0, "fail"))
    assert kept_connections("blue") > 0 and count(CONFIG.servers["blue"].values()) > 0
    assert [(part["drained"], part["connections"]) for part in found.values()] == [(True, 0)] * 2


def test_one_request_among_connections_kept_for_later_holds_it(host: Host) -> None:
    fill_pool("blue")
    slow = threading.Thread(target=ask, args=("/slow?ms=1500",))
    slow.start()
    wait_until(lambda: host.balancer.connections("blue") == 1, 5, "the request is in flight")
    host.switch(percents={"blue": 0, "green": 100})
    found = wait_drained(host.balancer, Drain(("blue",), 0, "fail"))
    assert (found["blue"]["drained"], found["blue"]["connections"]) == (False, 1)
    slow.join()
    assert wait_drained(host.balancer, Drain(("blue",), 10, "fail"))["blue"]["drained"]


def test_ending_a_drained_slot_with_connections_kept_for_later_loses_nothing(
    host: Host, instances: dict[str, Instance]
) -> None:
    """The slot comes back at once: no request is sent over a connection to the process that has ended."""
    ended = 0
    with Load(seconds=40, slow=40, long=0) as load:
        for old, new in (("blue", "green"), ("green", "blue")) * 3:
            wait_until(lambda slot=old: kept_connections(slot) > 0, 10, "connections are kept")
            host.switch(percents={old: 0, new: 100})
            assert wait_drained(host.balancer, Drain((old,), 10, "fail"))[old]["drained"]
            ended += kept_connections(old)
            for name in CONFIG.instances(old):
                instances[name].end()
                instances[name].start()
            host.switch(percents={old: 100, new: 0})
            host.switch(percents={old: 0, new: 100})
    print(f"{ended} kept connections were ended with their instances; {load.answered} answered, {load.lost} lost")
    assert ended > 0
    assert load.lost == 0, load.report


def test_users_on_kept_connections_of_their_own_follow_every_switch(host: Host) -> None:
    users = [http.client.HTTPConnection("127.0.0.1", PORT, timeout=10) for _user in range(CLIENTS)]
    for slot in ("blue", "green", "blue"):
        host.switch(percents={"blue": 100 * (slot == "blue"), "green": 100 * (slot == "green")})
        assert {served(user) for user in users} == {slot}
        other = "green" if slot == "blue" else "blue"
        assert wait_drained(host.balancer, Drain((other,), 0, "fail"))[other]["drained"]
    for user in users:
        user.close()


def served(user: http.client.HTTPConnection) -> str:
    user.request("GET", "/plain")
    answer = user.getresponse()
    answer.read()
    return str(answer.headers["X-Slipway-Slot"])
