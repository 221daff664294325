# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The override: who opens it, what ends it, which instances it leads to, and how nginx's directory shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.assign import assignment, overriding_assignment
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig, Match
from ansible_collections.slipway.release.plugins.module_utils._balancer.loss_budget import back
from ansible_collections.slipway.release.plugins.module_utils._balancer.nginx import Nginx
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError

from .test_switch import BLUE, GREEN, HALF, Bench

Make = Callable[..., State]
MATCH = (Match("header", "X-User-Segment", ("beta", "staff")), Match("cookie", "canary", ("1",)))


@pytest.fixture
def config(content: dict[str, Any]) -> BalancerConfig:
    return BalancerConfig.from_dict({**content, "match": [match.to_dict() for match in MATCH]})


@pytest.fixture
def bench(memory: Any, state: Make) -> Bench:
    memory.apply(state(100, 7, token=4))
    return Bench(memory)


def test_what_is_matched_is_read_as_it_was_written(config: BalancerConfig) -> None:
    assert config.match == MATCH
    assert BalancerConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    "match",
    [
        "X-Canary",
        [{"values": ["1"]}],
        [{"header": "X", "cookie": "x", "values": ["1"]}],
        [{"header": "X_Canary", "values": ["1"]}],
        [{"cookie": "can-ary", "values": ["1"]}],
        [{"header": "X", "values": []}],
        [{"header": "X", "values": "1"}],
        [{"header": "X", "values": ["a b"]}],
        [{"header": "X", "values": ["a)$;"]}],
        [{"header": "X", "values": ["-f"]}],
        [{"header": "X", "regex": ".*", "values": ["1"]}],
    ],
)
def test_what_could_not_be_matched_is_refused(content: dict[str, Any], match: Any) -> None:
    with pytest.raises(InputError, match="match"):
        BalancerConfig.from_dict({**content, "match": match})


def test_a_state_of_before_has_no_override_and_a_state_says_whether_it_has_one(state: Make) -> None:
    older = state().to_dict()
    del older["override"]
    assert State.from_dict(older) == state()
    assert State.from_dict(state(override=True).to_dict()).override
    with pytest.raises(InputError, match="override"):
        State.from_dict({**older, "override": "yes"})


def test_it_leads_to_the_slot_that_is_not_stable_at_any_percents(config: BalancerConfig, state: Make) -> None:
    for blue in (100, 90, 0):
        assert set(overriding_assignment(config, state(blue, override=True))) == set(config.instances("green"))
    assert set(overriding_assignment(config, state(stable="green", override=True))) == set(config.instances("blue"))
    assert overriding_assignment(config, state()) == ()


def test_it_never_leads_to_what_is_dead_drained_or_in_quarantine(config: BalancerConfig, state: Make) -> None:
    out = {"green-app1": "drain", "green-app2": "quarantine"}
    assert set(overriding_assignment(config, state(override=True, servers=out))) == {"green-app3"}
    assert overriding_assignment(config, state(override=True, servers=out, down=("green-app3",))) == ()
    assert overriding_assignment(config, state(10, override=True, down=config.instances("green"))) == ()


def test_a_balancer_that_matches_nothing_loses_it(config: BalancerConfig, state: Make) -> None:
    assert state(override=True).fitted(config).override
    assert not state(override=True).fitted(replace(config, match=())).override


def test_it_is_opened_with_a_lease_and_read_back(bench: Bench) -> None:
    outcome = bench(percents=BLUE, override=True, lease_seconds=60)
    assert (outcome.changed, outcome.verified) == (True, True)
    assert outcome.live is not None
    assert (outcome.live.override, outcome.live.percents) == (True, BLUE)
    assert bench.asked == list(bench.balancer.config.instances("green"))


def test_it_is_refused_without_a_lease_that_would_end_it(bench: Bench) -> None:
    with pytest.raises(InputError, match="override needs lease_seconds"):
        bench(override=True)
    with pytest.raises(InputError, match="override is closed by settle"):
        bench(override=True, settle=True)
    assert not bench.balancer.state.override


def test_it_is_refused_where_nothing_is_matched(bench: Bench) -> None:
    bench.balancer.config = replace(bench.balancer.config, match=())
    with pytest.raises(StateError, match="matches no requests"):
        bench(override=True, lease_seconds=60)


def test_it_is_refused_while_an_instance_there_is_not_ready(bench: Bench) -> None:
    bench.dead = {"green-app2"}
    with pytest.raises(StateError, match="green-app2"):
        bench(percents=BLUE, override=True, lease_seconds=60)
    assert not bench.balancer.state.override


def test_a_renewal_and_the_next_step_leave_it_open(bench: Bench) -> None:
    bench(percents=BLUE, override=True, lease_seconds=60)
    assert bench(lease_seconds=60).after.override
    assert bench(percents=HALF, override=True, lease_seconds=60).after.override


@pytest.mark.parametrize(
    "ends",
    [
        {"settle": True, "percents": BLUE},
        {"settle": True, "percents": GREEN, "stable": "green"},
        {"override": False},
        {"return_expired": True, "token": 0},
        {"percents": BLUE, "token": 6},
    ],
    ids=["undone", "settled", "closed", "the lease ran out", "a newer deployment"],
)
def test_what_ends_it(bench: Bench, ends: dict[str, Any]) -> None:
    bench(percents=BLUE, override=True, lease_seconds=60)
    bench.now_ms += 60_000
    outcome = bench(**ends)
    assert outcome.changed and not outcome.after.override
    assert outcome.live is not None and not outcome.live.override


def test_what_it_leads_to_cannot_be_waited_for_until_it_is_closed(bench: Bench) -> None:
    bench(percents=BLUE, override=True, lease_seconds=60)
    with pytest.raises(InputError, match="still takes traffic"):
        bench(drain=("green",))
    assert not bench(percents=BLUE, settle=True, drain=("green",)).after.override


def test_an_instance_that_comes_back_must_be_ready(bench: Bench) -> None:
    bench(percents=BLUE, override=True, lease_seconds=60)
    bench(servers={"green-app1": "drain"})
    bench.dead = {"green-app1"}
    with pytest.raises(StateError, match="green-app1"):
        bench(servers={"green-app1": "ready"})


def test_the_last_ready_instance_is_not_taken_from_it(bench: Bench) -> None:
    bench(percents=BLUE, override=True, lease_seconds=60)
    bench.dead = {"green-app2", "green-app3"}
    with pytest.raises(StateError, match="nobody ready"):
        bench(servers={"green-app1": "drain"})


def test_a_move_that_lost_too_much_closes_what_it_opened(state: Make) -> None:
    change = Change(percents=HALF, override=True, lease_seconds=60)
    assert back(change, state()).override is False
    assert back(change, state(50, stable="blue")).override is False
    assert back(change, state(50, override=True)).override is None


def matched(nginx: Nginx) -> set[str]:
    return {(nginx.directory / f"current/matched/b{bucket:03d}").resolve(strict=True).name for bucket in range(1000)}


def test_nginx_finds_every_bucket_of_a_matched_request(nginx: Nginx, status: Any, state: Make) -> None:
    nginx.apply(state())
    assert matched(nginx) == set(assignment(nginx.config, state()))
    assert not nginx.live().override
    wanted = state(100, 2, override=True, servers={"green-app1": "drain"})
    nginx.apply(wanted)
    assert matched(nginx) == {"green-app2", "green-app3"}
    live = nginx.live()
    assert live.override and live.percents == BLUE
    assert nginx.agrees(wanted, live) and not nginx.agrees(replace(wanted, override=False), live)


def test_nginx_leads_matched_requests_where_everyone_goes_when_nobody_is_left(
    nginx: Nginx, status: Any, state: Make
) -> None:
    wanted = state(100, override=True, down=nginx.config.instances("green"))
    nginx.apply(wanted)
    assert {name.split("-")[0] for name in matched(nginx)} == {"blue"}
    assert not nginx.live().override and nginx.agrees(wanted, nginx.live())


def trees(nginx: Nginx) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in nginx.directory.glob("matched/*")}


def test_nginx_makes_the_links_once_and_removes_them_when_no_request_can_be_on_its_way(
    nginx: Nginx, state: Make
) -> None:
    nginx.apply(state(100, 1, override=True))
    made = trees(nginx)
    assert len(made) == 1
    nginx.apply(state(90, 2, override=True))
    assert trees(nginx) == made
    nginx.apply(state(100, 3))
    assert trees(nginx) == made
    for generation in range(4, 9):
        nginx.apply(state(100, generation))
    assert trees(nginx) == {}


def test_what_a_killed_run_left_is_removed_and_what_is_damaged_is_made_again(
    nginx: Nginx, status: Any, state: Make
) -> None:
    nginx.apply(state(100, 1, override=True))
    (name,) = trees(nginx)
    (nginx.directory / "matched" / ".0123.partial").mkdir()
    (nginx.directory / "matched" / name / "b500").unlink()
    assert not nginx.agrees(state(100, 1, override=True), nginx.live())
    nginx.apply(state(100, 2, override=True))
    assert list(trees(nginx)) == [name]
    assert nginx.agrees(state(100, 2, override=True), nginx.live())


def test_a_generation_of_before_is_made_again_where_something_is_matched(
    nginx: Nginx, status: Any, state: Make
) -> None:
    nginx.apply(state(100, 1))
    (nginx.directory / "current/matched").unlink()
    assert not nginx.agrees(state(100, 1), nginx.live()) and not nginx.live().override
    nginx.config = replace(nginx.config, match=())
    assert nginx.agrees(state(100, 1), nginx.live())


def test_an_nginx_that_leads_matched_requests_elsewhere_is_found_out(nginx: Nginx, status: Any, state: Make) -> None:
    nginx.apply(state(100, 1, override=True))
    status.routes["/matched/b000"] = "slipway_shop_blue-app1\n"
    with pytest.raises(StateError, match="matched 0"):
        nginx.live()


def test_the_directories_may_be_read_by_nginx(nginx: Nginx, state: Make) -> None:
    nginx.apply(state(100, 1, override=True))
    (name,) = trees(nginx)
    for path in (nginx.directory / "matched", nginx.directory / "matched" / name):
        assert path.stat().st_mode & 0o777 == 0o755
