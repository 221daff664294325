# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch beside a real HAProxy: by its statistics, across a reload."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import WatchRequest, load_outcome
from ansible_collections.slipway.release.plugins.module_utils._watch.service import Keeper

from tests.integration.machine import Instance

from .conftest import PORT, Host, ask

BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}
ERRORS = {
    "name": "errors",
    "type": "haproxy",
    "app": "shop",
    "slots": {"canary": "green"},
    "interval": 1,
    "window": 3,
    "count": 5,
    "least_requests": 20,
    "failure_condition": "canary.error_rate > 10",
    "failure_limit": 1,
}
PUBLIC = {"name": "public", "type": "http", "url": f"http://127.0.0.1:{PORT}/health/ready"}


@pytest.fixture
def keeper(host: Host) -> Iterator[Keeper]:
    """What keeps the watch, which is armed: all traffic is on green."""
    request = WatchRequest("d1", "green", BLUE, 600, interval=1, failures=20, metrics=[ERRORS], checks=[PUBLIC])
    host.token += 1
    host.switch(percents=GREEN, lease_seconds=60, return_to=BLUE)
    host.switch(stable="green", settle=True, watch=request)
    made = Keeper(host.balancer, Log(), dict)
    yield made
    made.end()
    (host.balancer.directory / "barred").unlink(missing_ok=True)


@pytest.fixture
def turn(instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes green behave otherwise; it is as before afterwards."""

    def restart(**behaviour: Any) -> None:
        monkeypatch.setenv("SHOP_BEHAVIOUR", json.dumps(behaviour))
        for name in ("green-app1", "green-app2"):
            instances[name].end()
            instances[name].start()

    yield restart
    restart()


def looked(keeper: Keeper, holds: Callable[[], bool], seconds: float) -> bool:
    """Look, with some users, until a condition holds; whether it did in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for _user in range(10):
            ask("/plain")
        keeper.step()
        if holds():
            return True
    return False


def judged_good(keeper: Keeper) -> bool:
    return keeper.judging is not None and {one.verdict for one in keeper.judging.standings()} == {"pass"}


def test_a_slot_that_turns_bad_is_left_also_after_a_reload(
    host: Host, keeper: Keeper, turn: Callable[..., None]
) -> None:
    assert looked(keeper, lambda: judged_good(keeper), 30)
    host.reload()
    assert host.balancer.live().percents == GREEN
    turn(error_percent=50)
    assert looked(keeper, lambda: host.balancer.live().percents == BLUE, 60)
    outcome = load_outcome(host.balancer.directory) or {}
    assert (outcome["result"], outcome["metric"]) == ("returned", "errors")
