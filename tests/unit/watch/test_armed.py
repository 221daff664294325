# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch is armed with the end of a deployment, and ends with whatever changes the traffic."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report, own_report
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import Match
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State, whole
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, switch
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import (
    Watch,
    load,
    save,
    watch_file,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

from tests.unit.agent.conftest import FakeBalancer, lease, state

from .conftest import TOKEN, World, request, settle

HALF = {"blue": 50, "green": 50}
TESTERS = (Match("header", "X-Canary", ("always",)),)


def ask(balancer: FakeBalancer, world: World, token: int = TOKEN, *, check: bool = False, **change: Any) -> Any:
    fence = Fence(balancer.directory, token)
    return switch(balancer, fence, Change(**change), check=check, surroundings=world.surroundings())


def test_it_is_armed_with_the_settlement_and_only_root_may_read_it(balancer: FakeBalancer, world: World) -> None:
    after = settle(balancer, world, request())
    armed = load(balancer.directory)
    assert armed is not None
    assert (armed.token, armed.percents, after.lease) == (TOKEN, whole("green"), None)
    assert armed.holds(balancer.recorded(), Fence(balancer.directory, 0).seen())
    assert watch_file(balancer.directory).stat().st_mode & 0o777 == 0o600


def test_other_hosts_hear_of_it_as_long_as_it_may_return_the_traffic(balancer: FakeBalancer, world: World) -> None:
    assert own_report(balancer).watching == 0
    settle(balancer, world, request())
    told = Report.from_dict(own_report(balancer).to_dict(), "here")
    assert told.watching == TOKEN
    older = {key: value for key, value in told.to_dict().items() if key != "watching"}
    assert Report.from_dict(older, "an older slipway").watching is None
    watch_file(balancer.directory).write_text("{}", encoding="ascii")
    assert own_report(balancer).watching == 0, "nobody can keep it"


def said(report: Report) -> tuple[str, int | None]:
    assert report.state is not None
    return report.state.stable, report.watching


def test_a_return_while_the_report_is_made_is_not_told_as_traffic_that_nobody_watches(
    balancer: FakeBalancer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(balancer, world, request())
    armed, before = load(balancer.directory), balancer.recorded()

    def returned_meanwhile() -> State | None:
        monkeypatch.undo()
        ask(balancer, world, token=0, give_back=armed)
        watch_file(balancer.directory).unlink()
        return before

    monkeypatch.setattr(balancer, "recorded", returned_meanwhile)
    assert said(own_report(balancer)) == ("green", TOKEN)
    assert said(own_report(balancer)) == ("blue", 0)


def test_a_settlement_while_the_report_is_made_is_not_told_as_traffic_that_nobody_watches(
    balancer: FakeBalancer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settled_meanwhile() -> State:
        monkeypatch.undo()
        return settle(balancer, world, request())

    monkeypatch.setattr(balancer, "recorded", settled_meanwhile)
    assert said(own_report(balancer)) == ("green", TOKEN)


def test_a_deployment_that_begins_while_the_report_is_made_does_not_hide_the_watch_before(
    balancer: FakeBalancer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settle(balancer, world, request())

    def begun_meanwhile() -> State:
        monkeypatch.undo()
        fence = Fence(balancer.directory, TOKEN + 1)
        with fence.held():
            return before

    monkeypatch.setattr(balancer, "recorded", begun_meanwhile)
    assert said(own_report(balancer)) == ("green", TOKEN)


def test_it_is_recorded_before_the_lease_is_disarmed(
    balancer: FakeBalancer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_state: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(balancer, "apply", killed)
        settle(balancer, world, request())
    armed, recorded = load(balancer.directory), balancer.recorded()
    assert armed is not None and recorded is not None and recorded.lease is not None
    assert not armed.holds(recorded, TOKEN), "the lease still runs, and returns the traffic"
    settle(balancer, world, request())
    assert armed.holds(balancer.recorded(), TOKEN)


def test_arming_it_again_neither_changes_nor_prolongs_it(balancer: FakeBalancer, world: World) -> None:
    settle(balancer, world, request())
    before, generation = load(balancer.directory), balancer.recorded()
    world.now += 5000
    settle(balancer, world, request())
    assert (load(balancer.directory), balancer.recorded()) == (before, generation)
    settle(balancer, world, request(seconds=700))
    assert load(balancer.directory) != before


def test_a_resumed_deployment_arms_it_with_its_new_token(balancer: FakeBalancer, world: World) -> None:
    settle(balancer, world, request())
    settle(balancer, world, request(), token=TOKEN + 1)
    armed = load(balancer.directory)
    assert armed is not None
    assert armed.token == TOKEN + 1
    assert armed.holds(balancer.recorded(), TOKEN + 1)


def test_check_mode_says_so_and_arms_nothing(balancer: FakeBalancer, world: World) -> None:
    settle(balancer, world, None)
    assert ask(balancer, world, check=True, settle=True, watch=request()).changed
    assert load(balancer.directory) is None


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"percents": HALF}, TOKEN),
        ({"token": TOKEN + 1}, TOKEN + 1),
        ({"lease": lease(TOKEN)}, TOKEN),
        ({}, TOKEN + 1),
    ],
)
def test_whatever_a_later_run_does_ends_it(
    balancer: FakeBalancer, world: World, change: dict[str, Any], seen: int
) -> None:
    after = settle(balancer, world, request())
    armed = load(balancer.directory)
    assert armed is not None
    assert armed.holds(after, TOKEN)
    assert not armed.holds(replace(after, **change), seen)


def test_a_canary_is_held_only_under_a_watch(balancer: FakeBalancer, world: World) -> None:
    balancer.apply(replace(state(token=TOKEN, armed=lease(TOKEN)), percents=HALF))
    with pytest.raises(InputError, match="nobody to return"):
        ask(balancer, world, hold=True)
    held = ask(balancer, world, hold=True, watch=request()).after
    armed = load(balancer.directory)
    assert (held.percents, held.lease) == (HALF, None)
    assert armed is not None and armed.holds(held, TOKEN)


def test_testers_reach_a_held_canary_until_the_watch_returns_the_traffic(balancer: FakeBalancer, world: World) -> None:
    balancer.config = replace(balancer.config, match=TESTERS)
    balancer.apply(replace(state(token=TOKEN, armed=lease(TOKEN)), percents=HALF, override=True))
    assert ask(balancer, world, hold=True, watch=request()).after.override
    back = ask(balancer, world, token=0, give_back=load(balancer.directory)).after
    assert (back.percents, back.override) == (whole("blue"), False)


def test_a_canary_of_testers_alone_is_watched_until_they_are_led_back(balancer: FakeBalancer, world: World) -> None:
    balancer.config = replace(balancer.config, match=TESTERS)
    balancer.apply(replace(state(token=TOKEN, armed=lease(TOKEN)), override=True))
    held = ask(balancer, world, hold=True, watch=request()).after
    armed = load(balancer.directory)
    assert armed is not None
    assert (armed.holds(held, TOKEN), armed.has_returned(held)) == (True, False)
    back = ask(balancer, world, token=0, give_back=armed).after
    assert (armed.holds(back, TOKEN), armed.has_returned(back), back.override) == (False, True, False)


def test_testers_reach_no_canary_that_nobody_watches(balancer: FakeBalancer, world: World) -> None:
    balancer.config = replace(balancer.config, match=TESTERS)
    balancer.apply(replace(state(token=TOKEN, armed=lease(TOKEN)), override=True))
    assert not ask(balancer, world, hold=True, return_to=whole("blue")).after.override


def test_before_any_traffic_has_moved_nothing_has_to_be_watched(balancer: FakeBalancer, world: World) -> None:
    balancer.apply(state(token=TOKEN, armed=lease(TOKEN)))
    assert ask(balancer, world, hold=True, return_to=whole("blue")).after.lease is None


@pytest.mark.parametrize(
    "change",
    [
        {"watch": request()},
        {"watch": request(), "lease_seconds": 60},
        {"hold": True, "settle": True},
        {"hold": True, "lease_seconds": 60},
        {"settle": True, "watch": request(seconds=0)},
        {"settle": True, "watch": request(checks=[])},
        {"settle": True, "watch": request(return_to=HALF)},
    ],
)
def test_what_contradicts_itself_is_refused(balancer: FakeBalancer, world: World, change: dict[str, Any]) -> None:
    before = balancer.recorded()
    with pytest.raises(InputError):
        ask(balancer, world, **change)
    assert (balancer.recorded(), load(balancer.directory)) == (before, None)


def test_a_boot_does_not_prolong_it() -> None:
    now = int(time.time())
    armed = Watch.armed(request(seconds=100), state(), 5_000, "this boot")
    assert armed.left_seconds(65_000, "this boot", 0) == 40
    assert armed.left_seconds(1, "another boot", now + 130) < 0
    assert armed.left_seconds(1, "another boot", now - 10_000_000) == 100, "a clock that was put back"


def test_a_file_that_is_none_is_named(balancer: FakeBalancer, world: World) -> None:
    settle(balancer, world, request())
    watch_file(balancer.directory).write_text('{"schema": 1, "token": 7}')
    with pytest.raises(StateError) as caught:
        load(balancer.directory)
    assert "watch.json" in caught.value.message()


def test_it_is_read_as_it_was_written(balancer: FakeBalancer) -> None:
    armed = Watch.armed(request(metrics=[{"name": "m", "type": "sql"}]), state(), 5_000, "this boot")
    save(balancer.directory, armed)
    assert load(balancer.directory) == armed
