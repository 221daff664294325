# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rollout behind every balancer under live traffic: a good release loses no request, a bad one is rolled back.

Each case runs with the same analysis, written as an operator writes it, so that it must leave the good release alone
and find the bad ones. What each case took is printed at the end. ``make system`` runs a case of each kind, ``make
exhaustive`` all others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.operator import PlaybookRun
from tests.system.artifacts import served
from tests.system.fleet import APPLICATION, OTHER, RELEASES, Fleet, Measured

ROLLOUTS = ("simple", "rolling", "blue_green", "canary")
BALANCERS = ("nginx", "haproxy")
FAST = ("keepalive", "new")
# Above whatever a good release takes on a busy computer, and below what the slow one takes for one request in four.
SLOW_US = 1_500_000
STATED = re.compile(r"Requests could fail for at most ([0-9.]+) s\.")
SOURCE = {"nginx": "nginx_log", "haproxy": "haproxy"}
PREVIEW_PORTS = {"nginx": 8480, "haproxy": 8481}
# HAProxy counts no quantiles. The meter's own slow requests are a tenth of all, which the mean has to bear.
TOO_SLOW = {"nginx": "canary.latency_ms.p95 > 1500", "haproxy": "canary.latency_ms.mean > 300"}
# Above the time between two fast requests to the slot with the smallest share: they tell when the traffic was restored.
SAMPLING_US = 1_000_000
WATCHED = 8
INTERVAL = 4


@dataclass(frozen=True)
class Bad:
    """A bad release, and what becomes of it.

    :param version: of the sample, or another one with ``behaviour``.
    :param found: what the verdict says in every case; one that dies may meet any check.
    :param serves: whether users meet it before it is found.
    :param fetched: whether the hosts fetch it; it then never gets into the slot, which keeps what it has.
    :param watched: seconds that each step is watched.
    """

    version: str
    found: str
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    serves: bool = False
    fetched: bool = False
    watched: int = WATCHED


BAD = {
    "never starts": Bad("2.0.0-neverstarts", "web on app", given={"slipway_ready_deadline": 8}),
    "never ready": Bad("2.0.0-neverready", "web on app", given={"slipway_ready_deadline": 8}),
    "ready too late": Bad("2.0.0-slowready", "web on app", given={"slipway_ready_deadline": 8}),
    # Fetched by the hosts: what lies on the controller is refused before there is a deployment.
    "wrong checksum": Bad(
        "2.0.1-checksum", "the artifact has SHA-256", given={"slipway_artifact_sha256": "0" * 64}, fetched=True
    ),
    "errors": Bad("2.0.0-errors", "errors", serves=True),
    # One in four, so that a busy computer does not hide it. How small a difference is found is the judge's benchmark.
    "slow": Bad("2.0.1-slow", "latency", {"tail_percent": 25, "tail_ms": 3000}, serves=True),
    "dies after start": Bad("2.0.1-crashes", "", {"crash_after": 15}, serves=True, watched=16),
    "leaks": Bad("2.0.0-leaks", "memory", serves=True, watched=16),
}
# The cases that 'make system' runs: each rollout, each balancer and each bad release at least once.
SOME = {
    ("simple", "nginx", "errors"), ("simple", "haproxy", "never ready"), ("rolling", "nginx", "dies after start"),
    ("rolling", "haproxy", "never starts"), ("blue_green", "nginx", "wrong checksum"),
    ("blue_green", "haproxy", "slow"), ("canary", "nginx", "ready too late"), ("canary", "haproxy", "leaks"),
}  # fmt: skip


def cases() -> list[Any]:
    """Rollout, balancer and bad release."""
    every = [(rollout, balancer, bad) for balancer in BALANCERS for rollout in ROLLOUTS for bad in BAD]
    return [
        pytest.param(*case, marks=() if case in SOME else pytest.mark.exhaustive, id="-".join(case)) for case in every
    ]


def analysis(balancer: str) -> list[dict[str, Any]]:
    """Errors and latencies of whoever is the canary, and the memory that an instance of the new revision has."""
    common = {"type": SOURCE[balancer], "interval": INTERVAL, "least_requests": 20}
    return [
        {"name": "errors", "failure_condition": "canary.error_rate > 2", **common},
        {"name": "latency", "failure_condition": TOO_SLOW[balancer], **common},
        {
            "name": "memory",
            "type": "http_json",
            "url": f"http://127.0.0.1:{PREVIEW_PORTS[balancer]}/health",
            "path": "memory_mib",
            "interval": INTERVAL,
            "failure_condition": "result > 100",
        },
    ]


def deploy(fleet: Fleet, rollout: str, version: str, watched: int, given: Mapping[str, Any]) -> PlaybookRun:
    """Deploy with what is the same for all cases."""
    variables = {
        "slipway_rollout": rollout,
        "slipway_canary_steps": [{"percent": 20, "pause": watched}, {"percent": 50, "pause": watched}],
        "slipway_batches": ["1", "2"],
        "slipway_batch_pause": watched,
        "slipway_bake": watched,
        "slipway_analysis": analysis(fleet.balancer),
        **given,
    }
    return fleet.run("deploy", "-e", json.dumps(variables), version=version)


@pytest.mark.parametrize("rollout", ROLLOUTS)
def test_a_good_release(fleet: Fleet, rollout: str, figures: list[str]) -> None:
    before, version = fleet.active()["version"], fleet.versions.fresh()
    with fleet.traffic() as measured:
        done = deploy(fleet, rollout, version, WATCHED, {})
    assert done.code == 0, f"{done.log}: {done.reason()}"
    fleet.require_active(version)
    assert measured.versions() == {before, version}
    case = f"{rollout}, {fleet.balancer}, good: active after {done.seconds:.0f} s, {requests(measured)}"
    if rollout != "simple":
        measured.require_none_lost()
        figures.append(case)
        return
    stated = float(STATED.findall(done.output())[0])
    ends = [request["end_us"] for request in measured.lost]
    window = (max(ends) - min(ends)) / 1e6
    figures.append(f"{case}, in {window:.1f} s of the {stated:.1f} s that the run states")
    assert 0 < window <= stated


@pytest.mark.parametrize(("rollout", "balancer", "bad"), cases())
def test_a_bad_release(rollout: str, balancer: str, bad: str, fleet_behind: Any, figures: list[str]) -> None:
    fleet, release = fleet_behind(balancer), BAD[bad]
    version = fleet.versions.built(release.version, **release.behaviour)
    before = good(fleet)
    with served(RELEASES, f"{fleet.network}.1") as archives, fleet.traffic() as measured:
        given = {"slipway_artifact": f"{archives}/shop-{version}.tar.gz"} if release.fetched else {}
        done = deploy(fleet, rollout, version, release.watched, {**release.given, **given})
    figures.append(f"{rollout}, {balancer}, {bad}: {returned(measured, version)}, {requests(measured)}")
    require_rolled_back(fleet, done, before, version, release)
    require_lost_nothing_else(measured, rollout, version)
    assert measured.versions() == {before["version"], *([version] if release.serves else [])}


def good(fleet: Fleet) -> dict[str, Any]:
    """What is active, after a bad release that an earlier case has left active has been replaced."""
    if fleet.active()["version"] in {release.version for release in BAD.values()}:
        fleet.deploy(fleet.versions.fresh())
    return fleet.active()


def require_rolled_back(fleet: Fleet, done: PlaybookRun, before: Mapping[str, Any], version: str, release: Bad) -> None:
    """The run failed and says why, the traffic is where it was, and the slot is stopped and marked."""
    assert done.code != 0
    assert f"{version} is not active" in done.reason(), f"{done.log}: {done.reason()}"
    assert release.found in done.reason(), f"{done.log}: {done.reason()}"
    assert fleet.active() == before
    fleet.require_active(before["version"])
    book = fleet.ledger()
    last = book["state"]["deployments"][-1]
    assert (last["result"], book["plans"][last["id"]]["to"]["version"]) == ("failed", version)
    for host, held in fleet.ask_all(APPLICATION, "release").items():
        spare = held["slots"][OTHER[before["slot"]]]
        if not release.fetched:
            assert (spare["version"], spare["status"], spare["running"]) == (version, "failed", False), host


def bad_samples(measured: Measured, version: str) -> list[dict[str, Any]]:
    """Answers of the version that are bad, and failures without an answer while it served."""
    ends = [request["end_us"] for request in measured.requests if request["version"] == version]
    if not ends:
        return []
    return [
        request
        for request in measured.requests
        if request["class"] in FAST
        and min(ends) <= request["end_us"]
        and (request["outcome"] != "ok" or request["end_us"] - request["start_us"] > SLOW_US)
        and request["version"] in (version, "")
    ]


def restored_us(measured: Measured, version: str) -> int:
    """When the last user had to do with the version: its last answer, or the last that it failed to give."""
    found = (request for request in measured.requests if request["class"] in FAST and request["version"] == version)
    last_answer = max(int(request["end_us"]) for request in found)
    return max([last_answer, *(int(request["end_us"]) for request in bad_samples(measured, version))])


def returned(measured: Measured, version: str) -> str:
    """How long after the first bad sample the traffic was back."""
    if version not in measured.versions():
        return "never served"
    bad = bad_samples(measured, version)
    if not bad:
        return "served, and no user met a bad answer"
    seconds = (restored_us(measured, version) - min(request["end_us"] for request in bad)) / 1e6
    return f"traffic restored {seconds:.1f} s after the first bad sample"


def requests(measured: Measured) -> str:
    """How many requests there were, and how many of them failed."""
    total = measured.summary["total"]
    return f"{total['lost']} of {total['sent']} requests lost"


def require_lost_nothing_else(measured: Measured, rollout: str, version: str) -> None:
    """Only the new version fails, and users who do not meet it lose nothing, unless everything restarts."""
    if rollout == "simple":
        return
    by_others = [request for request in measured.lost if request["version"] not in (version, "")]
    assert by_others == []
    if version not in measured.versions():
        measured.require_none_lost()
        return
    restored = restored_us(measured, version) + SAMPLING_US
    assert [request for request in measured.lost if request["start_us"] > restored] == []
