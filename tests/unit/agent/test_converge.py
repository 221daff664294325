# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A closed balancer converges with peers that are real endpoints, and opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.converge import Convergence
from ansible_collections.slipway.release.plugins.module_utils._agent.lease import LeaseKeeper
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.peers import Peers
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Surroundings
from ansible_collections.slipway.release.plugins.module_utils._common import clock
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

from .conftest import FakeBalancer, Offer, configured, lease, report, state

READY = Surroundings(unready=lambda _config, _names: {})


def convergence(balancer: FakeBalancer, *peers: str, patience: int = 60) -> Convergence:
    """The duty, with readiness taken for granted."""
    log = Log()
    balancer.config = configured(peers=peers, solo_open_after=patience)
    return Convergence(balancer, Peers("shop", peers, log), LeaseKeeper(balancer, log, READY), log)


def recorded(balancer: FakeBalancer) -> State:
    """The recorded state, which there must be."""
    found = balancer.recorded()
    assert found is not None
    return found


def test_a_balancer_that_missed_a_switch_serves_the_new_state_before_it_opens(
    balancer: FakeBalancer, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_with: list[int] = []

    def noted() -> None:
        opened_with.append(balancer.live().percents["green"])
        FakeBalancer.open(balancer)

    monkeypatch.setattr(balancer, "open", noted)
    duty = convergence(balancer, offer(report(state(token=8, slot="green", generation=1))))
    duty.step()
    assert opened_with == [100]
    assert (recorded(balancer).token, recorded(balancer).generation) == (8, 5)
    assert duty.done()


def test_what_was_adopted_refuses_deployments_older_than_it(balancer: FakeBalancer, offer: Offer) -> None:
    convergence(balancer, offer(report(state(token=8)))).step()
    with pytest.raises(StaleTokenError), Fence(balancer.directory, 7).held():
        pytest.fail("the stale token was let in")


def test_what_a_peer_has_barred_is_barred_here_too(balancer: FakeBalancer, offer: Offer) -> None:
    convergence(balancer, offer(report(state(token=8), barred=8))).step()
    assert Fence(balancer.directory, 0).barred() == 8


def test_an_equal_state_is_not_written_again(balancer: FakeBalancer, offer: Offer) -> None:
    convergence(balancer, offer(report(state(generation=50)))).step()
    assert balancer.applied == []
    assert balancer.live().open


def test_a_lease_comes_over_in_this_hosts_time(balancer: FakeBalancer, offer: Offer) -> None:
    theirs = state(token=8, slot="green", armed=lease(8, deadline_ms=5, boot_id="its boot"))
    before = int(clock.boottime() * 1000)
    convergence(balancer, offer(report(theirs, left_ms=90_000))).step()
    ours = recorded(balancer).lease
    assert ours is not None
    assert ours.boot_id == clock.boot_id()
    assert before + 90_000 <= ours.deadline_ms <= int(clock.boottime() * 1000) + 90_001


def test_instances_this_host_does_not_know_are_left_out(balancer: FakeBalancer, offer: Offer) -> None:
    theirs = replace(state(token=8), servers={"blue-app9": "drain", "blue-app1": "drain"}, down=("blue-app9",))
    convergence(balancer, offer(report(theirs))).step()
    assert (recorded(balancer).servers, recorded(balancer).down) == ({"blue-app1": "drain"}, ())


def test_a_silent_peer_keeps_it_closed_until_its_patience_ends(balancer: FakeBalancer, closed_port: int) -> None:
    duty = convergence(balancer, f"127.0.0.1:{closed_port}")
    duty.step()
    assert not balancer.live().open
    assert not duty.done()
    (balancer.run_directory / "waiting").write_text(f"{int(clock.boottime() * 1000) - 60_000}\n")
    duty.step()
    assert balancer.live().open


def test_a_peer_of_another_application_counts_as_silent(balancer: FakeBalancer, offer: Offer) -> None:
    other = Report("other", "its boot", True, state(token=8), 0, 0)
    convergence(balancer, offer(other)).step()
    assert not balancer.live().open


def test_a_process_that_does_not_follow_keeps_it_closed(balancer: FakeBalancer, offer: Offer) -> None:
    balancer.broken = True
    duty = convergence(balancer, offer(report(state(token=8, slot="green"))))
    with pytest.raises(SystemFailure):
        duty.step()
    assert not balancer.open_file.exists()
    balancer.broken = False
    duty.step()
    assert balancer.live().percents["green"] == 100
    assert balancer.live().open


def test_the_lease_of_an_earlier_boot_returns_the_traffic_before_it_opens(balancer: FakeBalancer) -> None:
    balancer.apply(state(slot="green", generation=5, armed=lease(7, boot_id="earlier", deadline_ms=2**50)))
    convergence(balancer).step()
    assert balancer.live().percents == {"blue": 100, "green": 0}
    assert balancer.live().open
    assert Fence(balancer.directory, 0).barred() == 7


def test_an_open_balancer_is_left_alone_when_the_agent_starts_again(balancer: FakeBalancer) -> None:
    balancer.open()
    assert convergence(balancer, "127.0.0.1:1").done()


def test_a_balancer_closed_by_an_operator_after_convergence_stays_closed(balancer: FakeBalancer) -> None:
    convergence(balancer).step()
    balancer.close()
    assert convergence(balancer).done()


def test_a_first_boot_without_any_state_waits(tmp_path: Path) -> None:
    fresh = FakeBalancer(configured(), tmp_path)
    duty = convergence(fresh)
    duty.step()
    assert not duty.done()


def test_a_fresh_host_takes_over_the_state_of_its_peer(tmp_path: Path, offer: Offer) -> None:
    fresh = FakeBalancer(configured(), tmp_path)
    convergence(fresh, offer(report(state(token=8, slot="green")))).step()
    assert fresh.live().percents["green"] == 100
    assert fresh.live().open
