# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which state a closed balancer takes: the table of decisions, without any host."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.decide import OWN, decide, forgotten, rank
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State

from .conftest import lease, state

PATIENCE = 60


def report(content: State | None, *, is_open: bool = False) -> Report:
    """A balancer with this state."""
    return Report(app="shop", boot_id="a boot", open=is_open, state=content, lease_left_ms=0, barred=0)


OLD = state(token=6, slot="blue", generation=99)
NEW = state(token=7, slot="green", generation=2)


def test_a_balancer_that_the_others_no_longer_know_is_forgotten() -> None:
    serving = Report("shop", "a boot", True, NEW, 0, 0, peers=("192.0.2.12:8470",))
    closed = replace(serving, open=False)
    assert not forgotten("192.0.2.12:8470", {"a": serving})
    assert forgotten("192.0.2.13:8470", {"a": serving})
    assert not forgotten("192.0.2.13:8470", {"a": serving, "b": replace(serving, peers=("192.0.2.13:8470",))})
    assert not forgotten("192.0.2.13:8470", {"a": closed, "b": None}), "who does not serve decides nothing"


def chosen(own: Report, peers: dict[str, Report | None], waited: float = 0) -> str | None:
    """Where the state is taken from; ``None`` for waiting."""
    decision = decide(own, peers, waited, PATIENCE)
    return decision.source if decision else None


def test_without_peers_it_opens_at_once() -> None:
    assert chosen(report(OLD), {}) == OWN


def test_without_any_state_it_stays_closed() -> None:
    assert chosen(report(None), {}) is None
    assert chosen(report(None), {"a": report(None)}) is None


def test_the_later_deployment_wins_whatever_the_generations() -> None:
    assert chosen(report(OLD), {"a": report(NEW, is_open=True)}) == "a"
    assert chosen(report(NEW), {"a": report(OLD, is_open=True)}) == OWN


def test_a_new_host_takes_the_state_of_a_peer() -> None:
    assert chosen(report(None), {"a": report(OLD)}) == "a"


def test_in_the_same_deployment_a_balancer_that_serves_wins() -> None:
    newest_by_count = report(state(token=7, slot="blue", generation=50))
    assert chosen(newest_by_count, {"a": report(NEW, is_open=True)}) == "a"


def test_in_the_same_deployment_a_settled_state_wins_over_an_armed_one() -> None:
    armed = report(state(token=7, slot="green", generation=50, armed=lease()))
    assert chosen(armed, {"a": report(NEW)}) == "a"


def test_equal_states_stay() -> None:
    assert chosen(report(NEW), {"a": report(NEW)}) == OWN


def test_with_one_open_peer_the_silent_ones_do_not_matter() -> None:
    assert chosen(report(OLD), {"a": report(NEW, is_open=True), "b": None}) == "a"


def test_with_all_closed_everyone_must_have_answered() -> None:
    assert chosen(report(OLD), {"a": report(NEW), "b": None}) is None
    assert chosen(report(OLD), {"a": report(NEW), "b": report(OLD)}) == "a"


@pytest.mark.parametrize(("waited", "expected"), [(0, None), (59.9, None), (60, OWN)])
def test_alone_it_opens_after_a_time_with_a_warning(waited: float, expected: str | None) -> None:
    assert chosen(report(OLD), {"a": None}, waited) == expected
    if expected is not None:
        decision = decide(report(OLD), {"a": None}, waited, PATIENCE)
        assert decision is not None
        assert "without an answer from a" in decision.warning


def test_after_that_time_a_closed_peer_that_knows_better_is_still_believed() -> None:
    assert chosen(report(OLD), {"a": report(NEW), "b": None}, PATIENCE) == "a"


def test_no_warning_when_all_answered() -> None:
    decision = decide(report(OLD), {"a": report(NEW, is_open=True)}, 0, PATIENCE)
    assert decision is not None
    assert decision.warning == ""


def test_no_state_ranks_below_every_state() -> None:
    assert rank(report(None, is_open=True)) < rank(report(State.initial("shop")))


def test_where_the_watch_has_returned_the_traffic_that_is_what_all_take() -> None:
    """The state has the same token before and after, and whoever was down must not bring the bad release back."""
    watched = state(token=7, slot="green", generation=50)
    back = replace(report(state(token=7, slot="blue", generation=3)), returned=7)
    assert chosen(back, {"a": report(watched, is_open=True)}) == OWN
    assert chosen(report(watched), {"a": back}) == "a"
    earlier = replace(report(watched, is_open=True), returned=6)
    assert chosen(report(watched), {"a": earlier}) == "a", "that of another deployment says nothing"
    assert rank(back) > rank(report(watched, is_open=True))
