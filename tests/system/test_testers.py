# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary that begins at 0 %: testers reach it by a header of theirs, users do not, and its end is theirs too."""

from __future__ import annotations

from tests.system.fleet import BALANCERS, OTHER, WATCHING, Fleet, now_us

REASON = "the testers do not like it"
TESTER = "X-Canary: always"
TESTERS_FIRST = (
    '{"slipway_rollout": "canary", "slipway_canary_steps": [{"percent": 0, "pause": 12}, {"percent": 50, "pause": 4}]}'
)
TESTERS_FOR_LONG = '{"slipway_rollout": "canary", "slipway_canary_steps": [{"percent": 0, "pause": 600}]}'


def answered(fleet: Fleet, header: str) -> set[str]:
    """The versions that requests with a header reach, through each balancer."""
    return {fleet.version_at(fleet.own_address(host), header) for host in BALANCERS for _round in range(10)}


def overridden(fleet: Fleet) -> set[bool]:
    """Whether the balancers lead testers elsewhere."""
    return {answer["live"]["override"] for answer in fleet.ask_all(BALANCERS, "balancer").values()}


def require_testers_alone(fleet: Fleet, old: str, new: str) -> None:
    """Testers reach the new version, users the old one, and no percent has moved."""
    stable = fleet.active()["slot"]
    assert {host: fleet.percents(host) for host in BALANCERS} == dict.fromkeys(
        BALANCERS, {stable: 100, OTHER[stable]: 0}
    )
    assert (answered(fleet, TESTER), answered(fleet, "X-Canary: never")) == ({new}, {old})
    assert overridden(fleet) == {True}


def test_testers_come_first_then_users_and_nothing_is_lost(fleet: Fleet) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    assert answered(fleet, TESTER) == {before["version"]}
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", TESTERS_FIRST, version=version)
        run.wait_for(WATCHING)
        require_testers_alone(fleet, before["version"], version)
        testers_only_until = now_us()
        done = run.finish()
        assert done.code == 0, done.reason()
    measured.require_none_lost()
    assert measured.versions(until_us=testers_only_until) == {before["version"]}
    assert measured.versions() == {before["version"], version}
    fleet.require_active(version)
    assert (answered(fleet, TESTER), overridden(fleet)) == ({version}, {False})


def test_an_abort_sends_the_testers_back(fleet: Fleet) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", TESTERS_FOR_LONG, version=version)
        run.wait_for(WATCHING)
        run.kill()
        require_testers_alone(fleet, before["version"], version)
        ended = fleet.run("abort", reason=REASON)
    assert ended.code == 0, ended.reason()
    measured.require_none_lost()
    assert measured.versions() == {before["version"]}
    assert (answered(fleet, TESTER), overridden(fleet)) == ({before["version"]}, {False})
    fleet.require_active(before["version"])
