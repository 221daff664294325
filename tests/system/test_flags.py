# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Feature flags tied to a deployment: set as its traffic moves, and what they were before on every way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.fleet import APPLICATION, Fleet

FILE = "/var/lib/slipway-flags.json"
BEFORE = {"fresh": "off", "other": "on"}
VARIANTS = {"on": True, "off": False}
STEPS = [{"percent": 25, "pause": 0}, {"percent": 50, "pause": 0}]
FLAGS = [
    {"name": "fresh", "at": 25, "strategy": "gradual", "percentage": 10},
    {"name": "fresh", "at": 100, "strategy": "full"},
    {"name": "other", "at": 50, "strategy": "off"},
    {"name": "brought", "strategy": "full"},
]
AFTER = {"fresh": "on", "other": "off", "brought": "on"}
BACK = {**BEFORE, "brought": "off"}
REASON = "users report errors"


def given(directory: Path, *hooks: dict[str, Any]) -> list[str]:
    """Flags of ansible-playbook for a canary with these flags."""
    variables = {
        "slipway_rollout": "canary",
        "slipway_canary_steps": STEPS,
        "slipway_flags_store": {"kind": "flagd", "path": FILE},
        "slipway_flags_hosts": ["application"],
        "slipway_flags_user": "root",
        "slipway_flags_rollout": FLAGS,
        "slipway_hooks": list(hooks),
    }
    path = directory / "flags.json"
    path.write_text(json.dumps(variables), encoding="utf-8")
    return ["-e", f"@{path}"]


def hook(at: str, line: str) -> dict[str, Any]:
    return {
        "name": "said",
        "at": at,
        "command": f"sh -c '{line}'",
        "hosts": "application",
        "user": "root",
        "timeout": 45,
    }


def write(fleet: Fleet, flags: dict[str, str]) -> None:
    made = {
        name: {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": variant} for name, variant in flags.items()
    }
    for host in APPLICATION:
        fleet.inside(host, "sh", "-c", f"cat > {FILE} <<'END'\n{json.dumps({'flags': made})}\nEND")


def read(fleet: Fleet) -> dict[str, str]:
    """The default variant of each flag, the same on all hosts; with a share the rule."""
    found = []
    for host in APPLICATION:
        flags = json.loads(fleet.inside(host, "cat", FILE))["flags"]
        found.append({name: flag.get("targeting") or flag["defaultVariant"] for name, flag in flags.items()})
    assert found[0] == found[1] == found[2]
    return found[0]


@pytest.fixture
def flagged(either: Fleet) -> Iterator[Fleet]:
    """A fleet whose application hosts have a file of flags."""
    write(either, BEFORE)
    yield either
    for host in APPLICATION:
        either.inside(host, "rm", "-f", FILE)


def test_they_follow_the_traffic_and_a_rollback_turns_them_back_first(flagged: Fleet, tmp_path: Path) -> None:
    version = flagged.versions.fresh()
    with flagged.traffic() as measured:
        flagged.deploy(version, *given(tmp_path, hook("after_step", f"cp {FILE} {FILE}.$SLIPWAY_PERCENT")))
        assert read(flagged) == AFTER
        for percent, share in ((25, [["on", 10], ["off", 90]]), (50, [["on", 10], ["off", 90]])):
            then = json.loads(flagged.inside(APPLICATION[0], "cat", f"{FILE}.{percent}"))["flags"]
            assert then["fresh"]["targeting"] == {"fractional": share}
            assert then["other"]["defaultVariant"] == ("on" if percent == 25 else "off")
        run = flagged.run("rollback", *given(tmp_path, hook("before_slots", f"cp {FILE} {FILE}.back")))
    assert run.code == 0, run.reason()
    measured.require_none_lost()
    assert read(flagged) == BACK
    first = json.loads(flagged.inside(APPLICATION[0], "cat", f"{FILE}.back"))["flags"]
    assert first["fresh"]["defaultVariant"] == "off"


def test_a_deployment_that_fails_leaves_them_as_they_were(flagged: Fleet, tmp_path: Path) -> None:
    before = flagged.active()
    version = flagged.versions.fresh()
    with flagged.traffic() as measured:
        run = flagged.run("deploy", *given(tmp_path, hook("before_settle", "exit 3")), version=version)
    measured.require_none_lost()
    assert run.code != 0
    assert "Feature flags are what they were before: brought, fresh, other." in run.reason()
    assert read(flagged) == BACK
    flagged.require_active(before["version"])
    assert flagged.ledger()["state"]["deployments"][-1]["result"] == "failed"


def test_a_store_that_is_gone_does_not_hold_the_traffic(flagged: Fleet, tmp_path: Path) -> None:
    before = flagged.active()
    run = flagged.run(
        "deploy", *given(tmp_path, hook("before_settle", f"rm {FILE}; exit 3")), version=flagged.versions.fresh()
    )
    assert run.code != 0
    assert f"Feature flag fresh was not turned back on {APPLICATION[0]}" in run.reason()
    assert "kill_switch.yml ends it" in run.reason()
    flagged.require_active(before["version"])


@pytest.mark.parametrize("verb", ["abort", "deploy"])
def test_what_a_killed_controller_has_set_is_turned_back_or_gone_on_with(
    flagged: Fleet, tmp_path: Path, verb: str
) -> None:
    before, version = flagged.active(), flagged.versions.fresh()
    hooks = [hook("before_settle", "sleep $(cat /run/flags-sleep 2>/dev/null || echo 0)")]
    for host in APPLICATION:
        flagged.inside(host, "sh", "-c", "echo 40 > /run/flags-sleep")
    run = flagged.start("deploy", *given(tmp_path, *hooks), version=version)
    run.wait_for("Settle | Run the hooks before it")
    run.kill()
    for host in APPLICATION:
        flagged.inside(host, "rm", "-f", "/run/flags-sleep")
    assert read(flagged) == AFTER
    if verb == "abort":
        ended = flagged.run("abort", *given(tmp_path, *hooks), reason=REASON)
        assert ended.code == 0, ended.reason()
        assert read(flagged) == BACK
        flagged.require_active(before["version"])
    else:
        freed = flagged.run("release_lease", reason=REASON)
        assert freed.code == 0, freed.reason()
        flagged.deploy(version, *given(tmp_path, *hooks))
        assert read(flagged) == AFTER
