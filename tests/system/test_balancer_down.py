# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer that was down while the traffic moved never serves the old state when it comes back."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.fleet import AFTER_SWITCH, BALANCERS, LISTENERS, OTHER, Fleet, call, inventory_without, wait_until

SLOW_SMOKE = '{"slipway_smoke_checks": [{"path": "/slow?ms=3000", "timeout": 10, "successes": 1, "deadline": 20}]}'
CLOSED = "status 503"


@contextmanager
def watched(fleet: Fleet) -> Iterator[dict[str, Counter[str]]]:
    """What the virtual address and the second balancer's own one answer to new connections, all the time."""
    answers = {f"{fleet.network}.10": Counter[str](), f"{fleet.network}.12": Counter[str]()}
    ended = threading.Event()

    def ask(address: str) -> None:
        while not ended.wait(0.02):
            answers[address][answer(address, LISTENERS[fleet.balancer])] += 1

    threads = [threading.Thread(target=ask, args=(address,)) for address in answers]
    for thread in threads:
        thread.start()
    try:
        yield {"virtual": answers[f"{fleet.network}.10"], "own": answers[f"{fleet.network}.12"]}
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def answer(address: str, port: int) -> str:
    """Version that answered, the status otherwise, or nothing when there was no answer."""
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/plain")
        response = connection.getresponse()
        found = response.headers.get("X-Slipway-Release") if response.status == 200 else f"status {response.status}"
        return found or "nobody"
    except (OSError, http.client.HTTPException):
        return "nothing"
    finally:
        connection.close()


def require_converged(fleet: Fleet, version: str, answers: dict[str, Counter[str]]) -> None:
    """The second balancer opened, and answered with this version or not at all; the address too."""
    assert set(answers["own"]) <= {version, CLOSED, "nothing"}, answers
    assert answers["own"][version] > 10, answers
    assert set(answers["virtual"]) <= {version, CLOSED, "nothing"}, answers
    assert answers["virtual"][version] > 100, answers
    one, other = (fleet.ask(host, "balancer")["recorded"] for host in BALANCERS)
    assert [one[name] for name in ("percents", "stable", "token")] == [
        other[name] for name in ("percents", "stable", "token")
    ]


def is_open(fleet: Fleet) -> str:
    """What keeps the second balancer from being open; empty for nothing."""
    return "" if fleet.ask("lb2", "balancer")["open"] else "lb2 is closed"


def test_one_that_was_forgotten_during_a_deployment_comes_back_with_the_new_state(fleet: Fleet, tmp_path: Path) -> None:
    version = fleet.versions.fresh()
    fleet.poweroff("lb2")
    before = fleet.ledger()
    refused = fleet.run("deploy", version=version)
    assert refused.code != 0
    assert "cannot be reached: lb2 (balancer)" in refused.reason()
    assert fleet.ledger() == before
    done = fleet.run("deploy", *inventory_without(tmp_path, "lb2"), version=version)
    assert done.code == 0, done.reason()
    assert fleet.percents("lb1") == {fleet.active()["slot"]: 100, OTHER[fleet.active()["slot"]]: 0}
    with watched(fleet) as answers:
        call("lab", "start", "--name", fleet.lab, "lb2")
        wait_until(lambda: is_open(fleet), 90, "lb2 opens")
        time.sleep(3)
    require_converged(fleet, version, answers)
    fleet.require_active(version)


def test_one_that_died_after_the_switch_comes_back_without_the_new_slot(fleet: Fleet) -> None:
    before = fleet.active()
    run = fleet.start("deploy", "-e", SLOW_SMOKE, version=fleet.versions.fresh())
    run.wait_for(AFTER_SWITCH)
    fleet.poweroff("lb2")
    assert run.finish().code != 0
    with watched(fleet) as answers:
        call("lab", "start", "--name", fleet.lab, "lb2")
        wait_until(lambda: is_open(fleet), 90, "lb2 opens")
        time.sleep(3)
    require_converged(fleet, before["version"], answers)
    fleet.recover()
    fleet.deploy(fleet.versions.fresh())


def is_forgotten(fleet: Fleet) -> str:
    """What shows that the agent of the second balancer has not yet found itself unknown; empty for nothing."""
    journal = fleet.inside("lb2", "journalctl", "--boot", "--no-pager", "--output=cat")
    return "" if "the balancers that serve do not know this one" in journal else "the agent of lb2 has not asked"


def test_one_that_was_taken_out_stays_closed_and_a_rebuilt_one_begins_on_the_active_slot(
    nginx: Fleet, fleets: dict[str, Fleet], tmp_path: Path
) -> None:
    while nginx.active()["slot"] != "green":
        nginx.deploy(nginx.versions.fresh())
    version = nginx.active()["version"]
    nginx.poweroff("lb2")
    done = nginx.run("site", *inventory_without(tmp_path, "lb2"), version=version)
    assert done.code == 0, done.reason()
    call("lab", "start", "--name", nginx.lab, "lb2")
    wait_until(lambda: is_forgotten(nginx), 90, "lb2 finds that nobody knows it")
    assert not nginx.ask("lb2", "balancer")["open"]
    assert nginx.version_at(nginx.own_address("lb2")) == CLOSED
    call("lab", "reset", "--name", nginx.lab, "lb2")
    with watched(nginx) as answers:
        for fleet in fleets.values():
            done = fleet.run("site", version=fleet.active()["version"])
            assert done.code == 0, done.reason()
    require_converged(nginx, version, answers)
    nginx.require_active(version)
