# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Unleash server keeps what is set, and the engine of its SDKs gives that to users."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._flags.base import Unmanaged
from ansible_collections.slipway.release.plugins.module_utils._flags.factory import store
from ansible_collections.slipway.release.plugins.module_utils._flags.model import wanted
from ansible_collections.slipway.release.plugins.module_utils._flags.set import Request, set_flag
from ansible_collections.slipway.release.plugins.module_utils._flags.unleash import Unleash

from .conftest import CLIENT, ENVIRONMENT, OTHER_CLIENT, Running

REPOSITORY = Path(__file__).resolve().parents[3]
USERS = [f"user-{number}" for number in range(10_000)]
NUMBERS = itertools.count(1)
# The server remembers for 600 ms what SDKs get.
FORGOTTEN = 1.5
Users = set[str]


class Feature:
    """One feature of the server, seen by those who evaluate it."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.name = f"feature_{next(NUMBERS)}"
        provider = store(server.store())
        assert isinstance(provider, Unleash)
        self.provider = provider

    def set(self, strategy: str, *, revive: bool = False, **more: Any) -> dict[str, Any]:
        return set_flag(self.provider, Request(wanted(self.name, strategy, **more), revive=revive))

    def users(self, **properties: str) -> Users:
        """The users for whom it is on."""
        from yggdrasil_engine.engine import UnleashEngine

        request = urllib.request.Request(f"{self.server.url}/api/client/features", headers={"Authorization": CLIENT})
        with urllib.request.urlopen(request, timeout=10) as answer:
            engine = UnleashEngine()
            engine.take_state(answer.read().decode("utf-8"))
        context = {"properties": properties}
        return {user for user in USERS if engine.is_enabled(self.name, {**context, "userId": user}).is_enabled}

    def strategies(self) -> list[dict[str, Any]]:
        """Its strategies in the environment."""
        found = self.provider._environment(self.name)
        assert found is not None
        return list(found["strategies"])

    def by_hand(self, method: str, path: str, content: Any = None) -> None:
        """What somebody does in the user interface, seen by SDKs when this returns."""
        path = f"/api/admin/projects/default/features/{self.name}/environments/{ENVIRONMENT}{path}"
        status, _answer = self.provider.admin.ask(method, path, content)
        assert status < 300
        time.sleep(FORGOTTEN)


@pytest.fixture
def feature(unleash: Running) -> Feature:
    return Feature(unleash)


def test_growing_keeps_every_user_and_reducing_gives_it_to_nobody(feature: Feature) -> None:
    reached = []
    for percentage in (0, 1, 10, 25, 50, 100, 50, 5):
        assert feature.set("gradual", percentage=percentage)["changed"]
        assert not feature.set("gradual", percentage=percentage)["changed"]
        reached.append(feature.users())
        assert abs(len(reached[-1]) - 100 * percentage) <= 250
    for one, other in itertools.pairwise(reached[:6]):
        assert one < other
    assert reached[7] < reached[6] < reached[5]
    assert reached[6] == reached[4]


def test_segments_and_tenants_get_what_was_set(feature: Feature) -> None:
    feature.set("canary", segments=["beta"], percentage=50, tenants={"t1": True, "t2": False})
    beta = feature.users(segment="beta")
    assert 4_750 < len(beta) < 5_250
    assert feature.users() == set()
    assert feature.users(tenant="t1") == set(USERS)
    assert feature.users(tenant="t2", segment="beta") == set()
    feature.set("gradual", percentage=50, tenants={"t1": True})
    assert beta <= feature.users()
    feature.set("off", tenants={"t1": True})
    assert (feature.users(), feature.users(tenant="t1")) == (set(), set(USERS))
    feature.set("full", tenants={"t2": False})
    assert (feature.users(), feature.users(tenant="t2")) == (set(USERS), set())
    feature.set("off")
    assert feature.users(tenant="t1") == set()


def test_a_killed_feature_stays_so_until_it_is_revived(feature: Feature) -> None:
    feature.set("full", tenants={"t1": True})
    assert feature.set("kill_switch")["verified"]
    assert feature.users(tenant="t1") == set()
    assert not feature.set("kill_switch")["changed"]
    with pytest.raises(SlipwayError, match="was killed"):
        feature.set("full")
    feature.set("full", revive=True)
    assert feature.users() == set(USERS)


def test_beside_a_strategy_of_somebody_else_only_the_end_is_set(feature: Feature) -> None:
    feature.set("off")
    strategy = {"name": "flexibleRollout", "title": "by hand", "constraints": []}
    parameters = {"rollout": "100", "stickiness": "default", "groupId": feature.name}
    feature.by_hand("POST", "/strategies", {**strategy, "parameters": parameters})
    with pytest.raises(Unmanaged, match="by hand"):
        feature.set("gradual", percentage=10)
    assert feature.users() == set()
    feature.by_hand("POST", "/on")
    with pytest.raises(Unmanaged, match="by hand"):
        feature.set("gradual", percentage=10)
    assert feature.users() == set(USERS)
    feature.set("kill_switch")
    assert feature.users() == set()


def test_a_copy_of_a_strategy_is_found_out_and_removed(feature: Feature) -> None:
    feature.set("gradual", percentage=5)
    (strategy,) = feature.strategies()
    copy = {"name": strategy["name"], "title": strategy["title"], "constraints": []}
    feature.by_hand("POST", "/strategies", {**copy, "parameters": {**strategy["parameters"], "rollout": "50"}})
    assert len(feature.users()) > 4_500
    with pytest.raises(Unmanaged, match="two strategies"):
        feature.provider.find(feature.name)
    feature.set("gradual", percentage=10)
    assert len(feature.strategies()) == 1
    assert len(feature.users()) < 1_500


def test_a_feature_that_is_on_without_a_strategy_is_on_for_everybody(feature: Feature) -> None:
    feature.set("gradual", percentage=5)
    (strategy,) = feature.strategies()
    feature.by_hand("DELETE", f"/strategies/{strategy['id']}")
    found = feature.provider.find(feature.name)
    assert found is not None
    assert found.on_for_all is (feature.users() == set(USERS))


def test_the_group_that_users_are_drawn_in_stays(feature: Feature) -> None:
    feature.set("gradual", percentage=25)
    found = feature.provider._environment(feature.name)
    assert found is not None
    (strategy,) = found["strategies"]
    parameters = {**strategy["parameters"], "groupId": "another"}
    feature.by_hand("PUT", f"/strategies/{strategy['id']}", {**strategy, "parameters": parameters})
    before = feature.users()
    feature.set("gradual", percentage=50)
    assert before < feature.users()


def test_a_client_token_of_another_environment_is_found_out(unleash: Running) -> None:
    provider = store(unleash.store(OTHER_CLIENT))
    with pytest.raises(SlipwayError, match="client_token is of environment production"):
        set_flag(provider, Request(wanted("elsewhere", "full")))


def test_the_playbook_kills_in_seconds_and_is_read_back(
    feature: Feature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feature.set("full")
    variables = {"slipway_flags_store": feature.server.store(), "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": variables}}), encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", "-v", "-i", "hosts.yml"]
    command += [str(REPOSITORY / "playbooks/kill_switch.yml"), "-e", f"slipway_flag={feature.name}"]
    search = {"ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".cache/collections"), "PYTHONPATH": ":".join(sys.path)}
    environment = {**os.environ, **search}
    began = time.monotonic()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    assert feature.users() == set()
    bare = []
    request = urllib.request.Request(f"{feature.server.url}/api/client/features", headers={"Authorization": CLIENT})
    for _again in range(9):
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=10) as answer:
            json.load(answer)
        bare.append(time.monotonic() - began)
    with capsys.disabled():
        ratio = took / statistics.median(bare)
        print(f"\nkill_switch.yml: {took:.2f} s, {ratio:.0f} times a bare HTTP call ({statistics.median(bare):.4f} s)")
    assert took < 30
    assert "token-of-tests" not in done.stdout + done.stderr
