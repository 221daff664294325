# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers: one that nobody replaces, one that stalls and is replaced, and two that start at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from lab.operator import Running
from lab.writes import Write
from tests.crash.conftest import Controllers
from tests.crash.killed import (
    LIVE_LEASE,
    MODULES,
    RATE,
    Interruption,
    Outcome,
    exactly,
    flags,
    kill,
    require_finished,
    run_again,
)
from tests.system.fleet import BALANCERS, OTHER, Fleet, differences, wait_until

pytestmark = pytest.mark.exhaustive

ROUNDS = 50
# Twice the smallest that is accepted, so that a busy computer comes to the move in it.
LEASE_SECONDS = 60
# The agents look at the lease several times a second; the rest is room for a busy computer.
RETURN_SECONDS = LEASE_SECONDS + 30
# By then all balancers have moved traffic: it follows their move, and comes before any settles.
AFTER_MOVE = Write("app1", "application/journal.jsonl", 3)
AT_MOVE = Write("lb1", "balancer/journal.jsonl", 1)
AT_PLACING = Write("app1", "application/journal.jsonl", 1)


def not_returned(fleet: Fleet, percents: dict[str, int]) -> str:
    """What keeps the balancers from the percents, with no lease armed; empty for nothing."""
    for host, answer in fleet.ask_all(BALANCERS, "balancer").items():
        if answer["live"]["percents"] != percents or answer["recorded"]["lease"]:
            return f"{host}: {answer['recorded']}"
    return ""


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("rollout", ["blue_green", "canary"])
@pytest.mark.parametrize("balancer", ["nginx", "haproxy"])
def test_traffic_returns_and_the_lease_ends_when_nobody_runs_it_again(
    controllers: Callable[[str], Controllers], balancer: str, rollout: str, module: str
) -> None:
    pair = controllers(balancer)
    fleet, outcome = pair.fleet, Outcome()
    before, version = fleet.active(), fleet.versions.fresh()
    interruption = Interruption(fleet, outcome, exactly(AFTER_MOVE), lambda run: kill(run, fleet, module))
    stable = {before["slot"]: 100, OTHER[before["slot"]]: 0}
    with fleet.traffic(RATE) as outcome.traffic:
        with interruption.watch:
            seconds = str(LEASE_SECONDS)
            interruption.follow(fleet.start("deploy", *flags(rollout), version=version, lease_seconds=seconds))
        assert outcome.kills
        assert not_returned(fleet, stable) != "", "the traffic had moved"
        wait_until(lambda: not_returned(fleet, stable), RETURN_SECONDS, "the traffic has returned")
        wait_until(lambda: live_lease(fleet), RETURN_SECONDS, "nothing is locked any more")
        run_again(pair.other, rollout, version)
    outcome.traffic.require_none_lost()
    assert outcome.traffic.versions() == {before["version"], version}
    require_finished(pair, rollout, version)


@pytest.mark.parametrize(
    ("rollout", "write", "another"),
    [
        ("blue_green", AT_PLACING, True),
        ("blue_green", AT_MOVE, True),
        ("canary", AFTER_MOVE, False),
        ("rolling", AFTER_MOVE, False),
    ],
    ids=["placing", "moving", "handing over", "in a batch"],
)
@pytest.mark.parametrize("balancer", ["nginx", "haproxy"])
def test_a_stalled_controller_changes_nothing_when_it_wakes(
    controllers: Callable[[str], Controllers], balancer: str, rollout: str, write: Write, another: bool
) -> None:
    pair = controllers(balancer)
    fleet, outcome = pair.fleet, Outcome()
    version = fleet.versions.fresh()
    successor = fleet.versions.fresh() if another else version
    interruption = Interruption(fleet, outcome, exactly(write), Running.stall)
    with fleet.traffic(RATE) as outcome.traffic:
        with interruption.watch:
            stalled = fleet.start("deploy", *flags(rollout), version=version, lease_seconds=str(LEASE_SECONDS))
            interruption.follow(stalled)
        assert outcome.kills
        wait_until(lambda: live_lease(fleet), RETURN_SECONDS, "the lease has run out")
        taken = pair.other.run("deploy", *flags(rollout), version=successor)
        assert taken.code == 0, f"{taken.log}: {taken.reason()}"
        require_finished(pair, rollout, successor)
        before = everything(fleet)
        stalled.wake()
        woken = stalled.finish()
        assert differences(before, everything(fleet)) == []
    assert woken.code != 0
    assert "Another run has taken over" in woken.reason(), woken.reason()
    outcome.traffic.require_none_lost()


def live_lease(fleet: Fleet) -> str:
    """The lease that is held; empty for none."""
    lease = fleet.ledger()["lease"]
    return str(lease) if lease and lease["live"] else ""


def everything(fleet: Fleet) -> dict[str, Any]:
    """Files and processes of all machines, and the ledger."""
    return {**fleet.snapshot(), "ledger says": fleet.ledger()}


def test_of_two_controllers_at_once_one_deploys(
    request: pytest.FixtureRequest, controllers: Callable[[str], Controllers], counted: list[str]
) -> None:
    """Both want the same, so that each has the plan that the other could resume; after two rounds both are placed."""
    part, parts = (int(number) for number in request.config.getoption("--slice").split("/"))
    rounds = range(ROUNDS)[part - 1 :: parts]
    versions: dict[str, list[str]] = {}
    for balancer in itertools.islice(itertools.cycle(("nginx", "haproxy")), len(rounds)):
        pair = controllers(balancer)
        fleet = pair.fleet
        known = versions.setdefault(balancer, [fleet.versions.fresh(), fleet.versions.fresh()])
        wanted = next(version for version in known if version != fleet.active()["version"])
        plans = len(fleet.ledger()["plans"])
        started = [one.start("deploy", *flags("blue_green"), version=wanted) for one in (fleet, pair.other)]
        ended = [run.finish() for run in started]
        assert sorted(run.code == 0 for run in ended) == [False, True], [run.reason() for run in ended]
        (loser,) = (run for run in ended if run.code)
        assert LIVE_LEASE in loser.reason() and "wait for its end" in loser.reason(), loser.reason()
        assert len(fleet.ledger()["plans"]) == plans + 1
        fleet.require_active(wanted)
    counted.append(f"two controllers at once: {len(rounds)} rounds, in each one deployed and the other was told why")
