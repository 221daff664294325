# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an Unleash server whose features are in a state that a real one is seldom in."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._flags.base import Provider, Unmanaged
from ansible_collections.slipway.release.plugins.module_utils._flags.http import Service
from ansible_collections.slipway.release.plugins.module_utils._flags.model import wanted
from ansible_collections.slipway.release.plugins.module_utils._flags.set import Request, set_flag
from ansible_collections.slipway.release.plugins.module_utils._flags.unleash import Unleash, _strategy

FEATURES = "/api/admin/projects/default/features"
HERE = f"{FEATURES}/fresh/environments/live"
NO_WORDS: dict[str, Any] = {}


class Server:
    """One feature of a server, and all that it was asked to change.

    :param strategies: of the feature, which there is then.
    """

    def __init__(self, *strategies: dict[str, Any], enabled: bool = True, depends: bool = False) -> None:
        self.strategies = [{**one, "id": str(number)} for number, one in enumerate(strategies)]
        self.enabled = enabled
        self.depends = [{"feature": "parent"}] if depends else []
        self.asked: list[tuple[str, str]] = []
        self.together: threading.Barrier | None = None

    def answer(self, method: str, path: str, content: Any) -> tuple[int, Any]:
        if path.startswith("/api/client"):
            feature = {"name": "fresh", "enabled": self.enabled, "strategies": self.strategies}
            return 200, {"features": [{**feature, "dependencies": self.depends}]}
        if method == "GET":
            found = json.loads(json.dumps({"enabled": self.enabled, "strategies": self.strategies}))
            if self.together:
                self.together.wait(10)
            return 200, found
        self.asked.append((method, path.removeprefix(HERE)))
        identifier = path.rpartition("/")[2]
        others = [one for one in self.strategies if one["id"] != identifier]
        if identifier in ("on", "off"):
            self.enabled = identifier == "on"
        elif method == "DELETE":
            self.strategies = others
        elif method == "PUT":
            self.strategies = [{**content, "id": identifier}, *others]
        else:
            self.strategies.append({**content, "id": str(10 + len(self.asked))})
        return 200, NO_WORDS

    def shares(self) -> list[str]:
        return [one["parameters"]["rollout"] for one in self.strategies]


class Asked(Service):
    """A server of these tests in place of one behind a URL."""

    def __init__(self, server: Server) -> None:
        super().__init__("http://unleash")
        object.__setattr__(self, "server", server)

    def ask(self, method: str, path: str, content: Any = None, **headers: str) -> tuple[int, Any]:
        server: Server = self.server  # type: ignore[attr-defined]
        return server.answer(method, path, content)


def store(server: Server) -> Provider:
    return Unleash(Asked(server), Asked(server), "default", "live")


def gradual(percentage: int, title: str = "slipway gradual", **more: Any) -> dict[str, Any]:
    return {**_strategy(title, percentage, "targetingKey", "fresh", []), **more}


def given(server: Server, strategy: str, **more: Any) -> dict[str, Any]:
    return set_flag(store(server), Request(wanted("fresh", strategy, **more), verify=0))


@pytest.mark.parametrize("other", ["slipway gradual", "slipway canary"])
def test_a_second_strategy_of_slipway_is_removed_and_until_then_found_out(other: str) -> None:
    server = Server(gradual(50), gradual(50, other))
    with pytest.raises(Unmanaged, match="two strategies"):
        store(server).find("fresh")
    result = given(server, "gradual", percentage=5)
    assert (result["before"]["percentage"], result["users"]) == (50, "lose")
    assert server.shares() == ["5"]
    assert server.asked == [("PUT", "/strategies/0"), ("DELETE", "/strategies/1")]
    assert not given(server, "gradual", percentage=5)["changed"]


def test_a_second_strategy_for_tenants_is_removed() -> None:
    tenants = _strategy("slipway tenants", 100, "targetingKey", "fresh", [("tenant", "IN", ["t1"])])
    server = Server(gradual(5), tenants, {**tenants})
    given(server, "gradual", percentage=5, tenants={"t1": True})
    assert server.shares() == ["5", "100"]
    given(server, "gradual", percentage=5)
    assert server.shares() == ["5"]


def test_of_two_runs_at_once_the_next_one_leaves_one_strategy() -> None:
    server = Server(enabled=False)
    server.together = threading.Barrier(2)
    flag = wanted("fresh", "gradual", percentage=50)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _number: store(server).change(flag, lambda _before: None), range(2)))
    server.together = None
    assert server.shares() == ["50", "50"]
    given(server, "gradual", percentage=5)
    assert server.shares() == ["5"]


@pytest.mark.parametrize(
    "strategy",
    [
        gradual(50, parameters={"rollout": "50"}),
        gradual(50, parameters={}),
        gradual(50, constraints=[{"contextName": "x", "operator": "NUM_GT", "value": "5"}]),
        gradual(50, constraints=[{"contextName": "segment", "operator": "IN", "value": "5"}]),
    ],
)
def test_a_kill_switch_comes_before_all_that_is_not_understood(strategy: dict[str, Any]) -> None:
    server = Server(strategy)
    with pytest.raises(Unmanaged):
        given(server, "gradual", percentage=5)
    result = given(server, "kill_switch")
    assert (server.enabled, result["users"], result["before"]) == (False, "lose", None)
    assert server.asked[0] == ("POST", "/off")


def test_a_feature_that_is_on_without_a_strategy_is_on_for_everybody() -> None:
    found = store(Server()).find("fresh")
    assert found is not None
    assert found.on_for_all


def test_what_depends_on_another_feature_is_not_said_to_be_on() -> None:
    with pytest.raises(Exception, match="depends on another one"):
        given(Server(depends=True), "full")
    assert given(Server(depends=True), "off")["verified"]
