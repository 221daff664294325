# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an evaluator of flagd gives to users, seen by one that is not of this collection."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._flags.base import Provider
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from .stores import FLAGD_KIND, changed

USERS = [f"user-{number}" for number in range(10_000)]
GROWING = (0, 1, 10, 25, 50, 100)


class Seen:
    """The users for whom the flag of a file is on."""

    def __init__(self, path: Path, default: bool = False) -> None:
        self.core = FlagdCore()
        self.core.set_flags(path.read_text(encoding="utf-8"))
        self.default = default

    def on(self, name: str, user: str, **attributes: Any) -> bool:
        context = EvaluationContext(user, attributes)
        value = self.core.resolve_boolean_value(name, self.default, context).value
        assert isinstance(value, bool)
        return value

    def users(self, name: str, **attributes: Any) -> set[str]:
        return {user for user in USERS if self.on(name, user, **attributes)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    FLAGD_KIND.store(tmp_path)
    return tmp_path / FLAGD_KIND.file


@pytest.fixture
def provider(file: Path) -> Provider:
    return FLAGD_KIND.store(file.parent)


def after(file: Path, provider: Provider, strategy: str, **more: Any) -> Seen:
    changed(provider, "fresh", strategy, **more)
    return Seen(file)


def test_growing_never_takes_the_feature_from_a_user_and_reducing_gives_it_to_nobody(
    file: Path, provider: Provider
) -> None:
    reached = []
    for percentage in (*GROWING, *reversed(GROWING)):
        seen = after(file, provider, "gradual", percentage=percentage).users("fresh")
        assert abs(len(seen) - 100 * percentage) <= 250
        reached.append(seen)
    for one, other in itertools.pairwise(reached[: len(GROWING)]):
        assert one < other
    for one, other in itertools.pairwise(reached[len(GROWING) :]):
        assert one > other
    assert reached == [*reached[: len(GROWING)], *reversed(reached[: len(GROWING)])]
    assert (reached[0], len(reached[5])) == (set(), len(USERS))


def test_growing_from_a_canary_to_everybody_keeps_earlier_users(file: Path, provider: Provider) -> None:
    steps: list[dict[str, Any]] = [
        {"strategy": "canary", "segments": ["beta"], "percentage": 10},
        {"strategy": "gradual", "segments": ["beta", "staff"], "percentage": 25},
        {"strategy": "gradual", "percentage": 50},
        {"strategy": "full"},
    ]
    earlier: dict[str, set[str]] = {}
    for step in steps:
        seen = after(file, provider, **step)
        now = {segment: seen.users("fresh", segment=segment) for segment in ("beta", "staff", "other")}
        assert all(earlier.get(segment, set()) <= users for segment, users in now.items())
        earlier = now


@pytest.mark.parametrize("sticky", ["targetingKey", "account"])
def test_the_share_is_drawn_by_what_is_asked_for(sticky: str, file: Path, provider: Provider) -> None:
    seen = after(file, provider, "gradual", percentage=50, sticky=sticky)
    by_user = [seen.on("fresh", user, account="a1") for user in USERS[:400]]
    by_account = [seen.on("fresh", "u1", account=user) for user in USERS[:400]]
    drawn, fixed = (by_user, by_account) if sticky == "targetingKey" else (by_account, by_user)
    assert 150 < sum(drawn) < 250
    assert len(set(fixed)) == 1


def test_two_flags_are_drawn_apart(file: Path, provider: Provider) -> None:
    for name in ("one", "two"):
        changed(provider, name, "gradual", percentage=50)
    seen = Seen(file)
    both = len(seen.users("one") & seen.users("two"))
    assert 2_200 < both < 2_800


def expected(user_segment: str, tenant: str, step: dict[str, Any]) -> bool:
    """Who has a flag that nobody is drawn for, said a second time."""
    if step["strategy"] == "kill_switch":
        return False
    overrides: dict[str, bool] = step.get("tenants", {})
    if tenant in overrides:
        return overrides[tenant]
    if step["strategy"] in ("off", "full"):
        return bool(step["strategy"] == "full")
    return step["percentage"] == 100 and (not step["segments"] or user_segment in step["segments"])


def test_at_random_segments_and_tenants_get_what_was_set(file: Path, provider: Provider) -> None:
    chance = random.Random(5)
    for _round in range(120):
        step: dict[str, Any] = {"strategy": chance.choice(["off", "full", "kill_switch", "gradual", "canary"])}
        if step["strategy"] in ("gradual", "canary"):
            least = 1 if step["strategy"] == "canary" else 0
            step["segments"] = chance.sample(["beta", "staff", "intern"], chance.randint(least, 2))
            step["percentage"] = chance.choice([0, 100])
        if step["strategy"] != "kill_switch":
            step["tenants"] = {tenant: chance.random() < 0.5 for tenant in chance.sample(["t1", "t2", "t3"], 2)}
        seen = after(file, provider, **step)
        for segment, tenant in itertools.product(["beta", "staff", "none"], ["t1", "t2", "t3", "t4"]):
            assert seen.on("fresh", "u", segment=segment, tenant=tenant) is expected(segment, tenant, step), step
        assert provider.find("fresh") is not None


def test_a_kill_switch_is_off_for_everybody_even_where_the_application_defaults_to_on(
    file: Path, provider: Provider
) -> None:
    changed(provider, "fresh", "full", tenants={"t1": True})
    changed(provider, "fresh", "kill_switch")
    definition = json.loads(file.read_text(encoding="utf-8"))["flags"]["fresh"]
    assert (definition["state"], definition["defaultVariant"]) == ("ENABLED", "off")
    assert "targeting" not in definition
    assert Seen(file, default=True).users("fresh", tenant="t1", segment="beta") == set()


def test_a_disabled_flag_would_not_have_been_off(file: Path, provider: Provider) -> None:
    changed(provider, "fresh", "kill_switch")
    text = file.read_text(encoding="utf-8")
    whole = json.loads(text)
    whole["flags"]["fresh"]["state"] = "DISABLED"
    file.write_text(json.dumps(whole), encoding="utf-8")
    assert Seen(file, default=True).on("fresh", "u") is True


def test_variants_of_other_names_are_kept(file: Path, provider: Provider) -> None:
    whole = json.loads(file.read_text(encoding="utf-8"))
    whole["flags"]["fresh"] = {"state": "ENABLED", "variants": {"no": False, "yes": True}, "defaultVariant": "no"}
    file.write_text(json.dumps(whole), encoding="utf-8")
    assert after(file, provider, "gradual", percentage=100).on("fresh", "u") is True
    assert after(file, provider, "off").on("fresh", "u") is False
    assert json.loads(file.read_text(encoding="utf-8"))["flags"]["fresh"]["variants"] == {"no": False, "yes": True}
