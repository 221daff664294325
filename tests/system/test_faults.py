# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in the middle of a rollout, each with its outcome. What was measured is printed at the end.

- application host powered off: out within 5 s, the rollout stops, traffic on stable:
  ``test_an_application_host_powered_off``
- balancer host restarted: comes back closed, converges, then serves:
  ``test_one_that_died_after_the_switch_comes_back_without_the_new_slot`` in ``test_balancer_down.py``
- balancer process killed: the other serves, the rollout stops: ``test_a_balancer_process_killed``
- disk of the ledger host full: refused before anything changes, ``test_a_full_disk_of_the_ledger_host``, or the running
  stage is undone, ``test_a_disk_of_the_ledger_host_that_fills_up``
- SSH cut to one host: as powered off, and the old module's later writes are refused: ``test_ssh_cut_to_one_host``
- wall clocks 10 minutes apart: no effect: ``test_wall_clocks_apart``
- ledger host lost: traffic stays, status.yml says so, adoption works: ``test_the_ledger_host_lost_for_good``

Machines lost at other moments are in ``test_lost.py``, a balancer killed in mid-switch in ``test_balancer_killed.py``.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.system import clocks
from tests.system.artifacts import served
from tests.system.fleet import (
    BALANCERS,
    GATING,
    LEDGER,
    OTHER,
    PLACING,
    RELEASES,
    WATCHING,
    Fleet,
    Measured,
    call,
    differences,
    now_us,
    wait_until,
)
from tests.system.test_lost import (
    IN_FLIGHT_US,
    TAKEOVER_US,
    require_failed,
    require_marked,
    require_next_deployment_works,
    require_traffic_stayed,
)

HALF = {"slipway_rollout": "canary", "slipway_canary_steps": [{"percent": 50, "pause": 25}]}
LOST = "app2"
OUT_SECONDS = 5
# What a busy computer adds to the intervals and timeouts of the health checks.
ROOM_SECONDS = 3
# A balancer tries another instance when one has not accepted a connection for a second.
CONNECT_US = 900_000
MINUTES = 600


def half_for_a_while(fleet: Fleet, **variables: str) -> Any:
    """A canary with half of the traffic, which is watched."""
    run = fleet.start("deploy", "-e", json.dumps(HALF), version=fleet.versions.fresh(), **variables)
    run.wait_for(WATCHING)
    return run


def met_the_dead(measured: Measured, lost_at_us: int) -> list[dict[str, Any]]:
    """Requests begun after the loss that failed, or had to be sent to another instance after a second."""
    return [
        request
        for request in measured.requests
        if request["class"] in ("keepalive", "new")
        and request["start_us"] > lost_at_us
        and (request["outcome"] != "ok" or request["end_us"] - request["start_us"] > CONNECT_US)
    ]


def test_an_application_host_powered_off(fleet: Fleet, figures: list[str]) -> None:
    before = fleet.active()
    with fleet.traffic() as measured:
        run = half_for_a_while(fleet)
        lost_at = fleet.poweroff(LOST)
        done = run.finish()
    require_failed(fleet, done, before, LOST, "during canary at 50 %")
    require_traffic_stayed(fleet, before["slot"])
    require_marked(fleet, OTHER[before["slot"]], without=(LOST,))
    last = max((request["start_us"] for request in met_the_dead(measured, lost_at)), default=lost_at)
    seconds = (last - lost_at) / 1e6
    figures.append(f"application host powered off, {fleet.balancer}: last request to it after {seconds:.1f} s")
    assert seconds <= OUT_SECONDS + ROOM_SECONDS
    for request in measured.lost:
        assert lost_at - IN_FLIGHT_US <= request["start_us"] <= last, request
    require_next_deployment_works(fleet)


@contextmanager
def killed_for_good(fleet: Fleet, host: str) -> Iterator[int]:
    """The balancer's processes get SIGKILL, and nothing starts them again; when that was."""
    unit = f"{fleet.balancer}.service"
    fleet.inside(host, "systemctl", "mask", "--runtime", unit)
    fleet.inside(host, "systemctl", "kill", "--signal=SIGKILL", "--kill-who=all", unit)
    try:
        yield now_us()
    finally:
        fleet.inside(host, "systemctl", "unmask", "--runtime", unit)
        fleet.inside(host, "systemctl", "reset-failed", unit)
        fleet.inside(host, "systemctl", "start", unit)


def test_a_balancer_process_killed(fleet: Fleet, figures: list[str]) -> None:
    before = fleet.active()
    with fleet.traffic() as measured:
        run = half_for_a_while(fleet)
        with killed_for_good(fleet, "lb1") as killed_at:
            done = run.finish()
            assert set(fleet.served()) == {before["version"]}
            assert fleet.version_at(fleet.own_address("lb1")) == "status 000"
        fleet.recover()
    require_failed(fleet, done, before, "lb1")
    require_traffic_stayed(fleet, before["slot"])
    last = max((request["start_us"] for request in measured.lost), default=killed_at)
    figures.append(
        f"balancer process killed, {fleet.balancer}: last lost request {(last - killed_at) / 1e6:.1f} s after"
    )
    for request in measured.lost:
        assert killed_at - IN_FLIGHT_US <= request["start_us"] <= killed_at + TAKEOVER_US, request
    require_next_deployment_works(fleet)


class SmallDisk:
    """The ledger's directory on a small file system of its own, for as long as the context lasts."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.directory = f"/var/lib/slipway/ledger/{fleet.app}"
        self.filler = f"{self.directory}/filler"

    def __enter__(self) -> SmallDisk:
        here = self.directory
        self._do(f"cp -a {here} {here}.kept && mount -t tmpfs -o size=4m,mode=0700 tmpfs {here}")
        self._do(f"cp -a {here}.kept/. {here}/ && rm -rf {here}.kept")
        return self

    def fill(self) -> None:
        """Not a byte is left."""
        self._do(f"dd if=/dev/zero of={self.filler} bs=1k status=none || true")
        assert self._do(f"df --output=avail {self.directory} | tail -1").strip() == "0"

    def free(self) -> None:
        """There is room again."""
        self._do(f"rm -f {self.filler}")

    def __exit__(self, *_failure: object) -> None:
        here = self.directory
        self.free()
        self._do(f"cp -a {here} {here}.kept && umount {here} && cp -a {here}.kept/. {here}/ && rm -rf {here}.kept")

    def _do(self, command: str) -> str:
        return self.fleet.inside(LEDGER, "sh", "-ec", command)


def test_a_full_disk_of_the_ledger_host(nginx: Fleet) -> None:
    version = nginx.versions.fresh()
    with SmallDisk(nginx) as disk:
        disk.fill()
        before, ledger = nginx.snapshot(), nginx.ledger()
        with nginx.traffic() as measured:
            refused = nginx.run("deploy", version=version)
        assert differences(before, nginx.snapshot()) == []
        assert nginx.ledger() == ledger
        disk.free()
        nginx.deploy(version)
    assert refused.code != 0
    assert "No space left on device" in refused.reason(), f"{refused.log}: {refused.reason()}"
    assert LEDGER in refused.output()
    measured.require_none_lost()


@pytest.mark.parametrize("moment", [GATING, WATCHING])
def test_a_disk_of_the_ledger_host_that_fills_up(fleet: Fleet, moment: str) -> None:
    before = fleet.active()
    with SmallDisk(fleet) as disk:
        with fleet.traffic() as measured:
            run = fleet.start("deploy", "-e", json.dumps(HALF), version=fleet.versions.fresh(), lease_seconds="100")
            run.wait_for(moment)
            disk.fill()
            done = run.finish()
        assert done.code != 0
        assert "is not active" in done.reason(), f"{done.log}: {done.reason()}"
        assert "No space left on device" in done.reason(), f"{done.log}: {done.reason()}"
        require_traffic_stayed(fleet, before["slot"])
        require_marked(fleet, OTHER[before["slot"]])
        disk.free()
        fleet.recover()
        fleet.deploy(fleet.versions.fresh())
    measured.require_none_lost()


@contextmanager
def no_ssh_to(fleet: Fleet, host: str) -> Iterator[None]:
    """Whatever is sent to the SSH server of a machine vanishes."""
    rules = "table inet cut { chain input { type filter hook input priority 0; tcp dport 22 drop; }; }"
    fleet.inside(host, "nft", rules)
    try:
        yield
    finally:
        fleet.inside(host, "nft", "delete table inet cut")


def refused_writes(fleet: Fleet, host: str, token: int) -> list[str]:
    """What a host has refused to a token, and why."""
    journal = fleet.inside(host, "cat", f"/var/lib/slipway/application/{fleet.app}/journal.jsonl").splitlines()
    entries = [json.loads(line) for line in journal]
    return [entry["failed"] for entry in entries if entry["token"] == token and entry.get("failed")]


def test_ssh_cut_to_one_host(fleet: Fleet, figures: list[str]) -> None:
    before, version, newer = fleet.active(), fleet.versions.fresh(), fleet.versions.fresh()
    released = threading.Event()
    address = f"{fleet.network}.2{LOST[-1]}"
    with fleet.traffic() as measured, served(RELEASES, f"{fleet.network}.1", address, released) as archives:
        late = {"slipway_artifact": f"{archives}/shop-{version}.tar.gz", "slipway_artifact_sha256": sha256(version)}
        run = fleet.start("deploy", "-e", json.dumps({**HALF, **late}), version=version, lease_seconds="180")
        run.wait_for(PLACING)
        wait_until(lambda: not_fetching(fleet, LOST), 30, f"the module on {LOST} fetches the artifact")
        token = fleet.ledger()["lease"]["token"]
        with no_ssh_to(fleet, LOST):
            done = run.finish()
            require_failed(fleet, done, before, f"{LOST} lost")
            require_traffic_stayed(fleet, before["slot"])
            require_marked(fleet, OTHER[before["slot"]], without=(LOST,))
        assert not_fetching(fleet, LOST) == "", "the old module has ended by itself"
        next_run = fleet.start("deploy", version=newer)
        wait_until(lambda: not_announced(fleet, LOST, token), 120, f"the new module waits on {LOST}")
        released.set()
        assert next_run.finish().code == 0
    fleet.require_active(newer)
    measured.require_none_lost()
    refused = refused_writes(fleet, LOST, token)
    assert len(refused) == 1, refused
    assert f"token {token} is stale" in refused[0]
    figures.append(f"SSH cut, {fleet.balancer}: {refused[0]}")


def sha256(version: str) -> str:
    """Digest of a release's archive."""
    return hashlib.sha256((RELEASES / f"shop-{version}.tar.gz").read_bytes()).hexdigest()


def not_fetching(fleet: Fleet, host: str) -> str:
    """What shows that no module fetches an artifact from the controller; empty for one that does."""
    shown = fleet.inside(host, "ss", "-Htn", "state", "established", "dst", f"{fleet.network}.1")
    return "" if any(":22 " not in line for line in shown.splitlines()) else "no connection to the controller"


def not_announced(fleet: Fleet, host: str, token: int) -> str:
    """What shows that nobody with a higher token waits for the lock of a host; empty for somebody."""
    path = f"/var/lib/slipway/application/{fleet.app}/announced"
    announced = int(fleet.inside(host, "cat", path))
    return "" if announced > token else f"{announced} is announced"


def test_wall_clocks_apart(fleet: Fleet) -> None:
    """They jump in the middle of a watched step, one of them backwards, by more than the lease lasts."""
    shifts = {"lb2": MINUTES, LOST: -MINUTES, LEDGER: MINUTES}
    clocks.install(fleet, *shifts)
    try:
        fleet.recover()
        before, version = fleet.active()["version"], fleet.versions.fresh()
        with fleet.traffic() as measured:
            run = fleet.start("deploy", "-e", json.dumps(HALF), version=version, lease_seconds="60")
            run.wait_for(WATCHING)
            for host, seconds in shifts.items():
                clocks.put(fleet, host, seconds)
                assert abs(clocks.apart(fleet, host) - seconds) < MINUTES / 10
            done = run.finish()
            assert done.code == 0, f"{done.log}: {done.reason()}"
            fleet.require_active(version)
            lease_is_obeyed_and_ends(fleet, version)
        measured.require_none_lost()
        assert before in measured.versions()
    finally:
        clocks.remove(fleet, *shifts)


def lease_is_obeyed_and_ends(fleet: Fleet, stable: str) -> None:
    """With clocks apart from the beginning: who died keeps others out until the lease ends, and the traffic returns."""
    run = half_for_a_while(fleet, lease_seconds="60")
    run.kill()
    refused = fleet.run("deploy", version=fleet.versions.fresh())
    assert "holds the lease for" in refused.reason(), refused.reason()
    fleet.recover()
    assert set(fleet.served()) == {stable}
    fleet.run("abort", reason="its controller was killed")


def test_the_ledger_host_lost_for_good(nginx: Fleet, fleets: dict[str, Fleet]) -> None:
    before = {fleet.app: fleet.active() for fleet in fleets.values()}
    token = nginx.ask(BALANCERS[0], "balancer")["recorded"]["token"]
    version = before[nginx.app]["version"]
    with nginx.traffic() as measured:
        nginx.poweroff(LEDGER)
        shown = nginx.run("status")
        assert LEDGER in shown.output(), shown.log
        assert "cannot be reached" in shown.output() or "lost" in shown.output(), shown.log
        refused = nginx.run("deploy", version=nginx.versions.fresh())
        assert refused.code != 0
        assert LEDGER in refused.reason(), refused.reason()
        call("lab", "reset", "--name", nginx.lab, LEDGER)
        unknown = nginx.run("deploy", version=nginx.versions.fresh())
        assert unknown.code != 0
        assert "slipway_adopt_ledger" in unknown.reason(), unknown.reason()
        for fleet in fleets.values():
            fleet.deploy(fleet.versions.fresh(), adopt_ledger="true", reason="the disk of the ledger host is lost")
    measured.require_none_lost()
    assert version in measured.versions()
    assert nginx.ask(BALANCERS[0], "balancer")["recorded"]["token"] > token
    nginx.deploy(nginx.versions.fresh())
