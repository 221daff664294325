# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments that are parked: no run is under way, nothing is lost, and any controller goes on or goes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.system.controllers import run_by
from tests.system.fleet import APPLICATION, BALANCERS, LEDGER, OTHER, Fleet, differences, wait_until
from tests.system.test_abort import require_returned
from tests.system.test_watch import PATIENCE, TURNS_BAD, not_back, watching

REASON = "users report errors"
SHARE = 25
STEP = f"canary at {SHARE} %"
ERRORS_AFTER = 180
HOOKED = ("before_slots", "before_traffic", "after_step", "before_settle")


def canary(directory: Path, *, approvals: tuple[str, ...] = (), hooks: bool = False, **step: Any) -> list[str]:
    """Flags for a canary whose one step parks; hooks count how often they run."""
    counted = [
        {"name": point, "at": point, "command": f"sh -c 'echo {point} >> {directory}/ran'", "timeout": 20}
        for point in HOOKED
    ]
    path = directory / "canary.json"
    path.write_text(
        json.dumps(
            {
                "slipway_rollout": "canary",
                "slipway_canary_steps": [{"percent": SHARE, "pause": 0, **step}],
                "slipway_approvals": list(approvals),
                "slipway_hooks": counted if hooks else [],
            }
        )
    )
    return ["-e", f"@{path}"]


def ran(directory: Path) -> list[str]:
    path = directory / "ran"
    return path.read_text().split() if path.exists() else []


def park(fleet: Fleet, version: str, stage: str, *flags: str) -> dict[str, Any]:
    """Run a deployment until it is parked at a stage; what the ledger then says of it."""
    done = fleet.run("deploy", *flags, version=version)
    assert done.code == 0, f"{done.log}: {done.reason()}"
    assert f"of {version} is parked at {stage}" in " ".join(done.output().split())
    book = fleet.ledger()
    assert book["lease"] is None
    unfinished: dict[str, Any] = book["unfinished"]
    assert unfinished["parked"]["stage"] == stage
    return unfinished


def let_its_time_come(fleet: Fleet) -> None:
    """A day passes: the end that the ledger has recorded lies behind, on its own clock."""
    path = f"/var/lib/slipway/ledger/{fleet.app}/lease.json"
    code = "import json, sys; book = json.load(open(sys.argv[1])); book['open']['parked']['deadline_ms'] = 0; "
    fleet.inside(LEDGER, "python3", "-c", f"{code}json.dump(book, open(sys.argv[1], 'w'))", path)
    assert fleet.ledger()["unfinished"]["parked"]["waits_for"] == ""


def processes(fleet: Fleet, slot: str) -> dict[str, Any]:
    """The instances of a slot, as processes."""
    asked = fleet.ask_all(APPLICATION, "release")
    return {host: answer["slots"][slot]["instances"]["web"]["pid"] for host, answer in asked.items()}


def require_share(fleet: Fleet, slot: str, share: int) -> None:
    """Every balancer gives the slot this share, and no lease returns it."""
    for host, answer in fleet.ask_all(BALANCERS, "balancer").items():
        assert answer["live"]["percents"][slot] == share, host
        assert answer["recorded"]["lease"] is None, host


def test_it_waits_for_another_operator_and_goes_on_from_another_controller(fleet: Fleet, tmp_path: Path) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    slot = OTHER[before["slot"]]
    flags = canary(tmp_path, approvals=("before_traffic",), hooks=True, approval=True)
    with fleet.traffic() as measured:
        first = park(fleet, version, "before_traffic", *flags)
        require_share(fleet, slot, 0)
        assert ran(tmp_path) == ["before_slots"]
        started, kept = processes(fleet, slot), fleet.snapshot()

        for mode in ((), ("--check",)):
            early = fleet.run("deploy", *flags, *mode, version=version)
            assert early.code == 0, early.reason()
            assert "until it is approved (approve.yml); nothing was changed" in " ".join(early.output().split())
        assert differences(kept, fleet.snapshot()) == []

        own = fleet.run("approve", reason="it is mine")
        assert own.code != 0
        assert "has begun this deployment" in own.reason()
        with run_by(fleet, "bob", tmp_path):
            assert fleet.run("approve", reason="the slots look good", deployment=first["deployment"]).code == 0
        assert "approved at before_traffic by bob@" in " ".join(fleet.run("status").output().split())

        with run_by(fleet, "cleo", tmp_path):
            second = park(fleet, version, STEP, *flags)
        assert second["deployment"] == first["deployment"]
        require_share(fleet, slot, SHARE)
        assert ran(tmp_path) == ["before_slots", "before_traffic", "after_step"]
        with run_by(fleet, "bob", tmp_path):
            assert fleet.run("approve", reason="the canary looks good").code == 0
        assert fleet.ledger()["unfinished"]["parked"]["waits_for"] == ""
        with run_by(fleet, "joe", tmp_path):
            fleet.deploy(version, *flags)
    measured.require_none_lost()
    assert measured.versions() == {before["version"], version}
    assert ran(tmp_path) == ["before_slots", "before_traffic", "after_step", "after_step", "before_settle"]
    assert processes(fleet, slot) == started, "an instance was restarted"
    last = fleet.ledger()["state"]["deployments"][-1]
    assert (last["id"], last["result"]) == (first["deployment"], "active")
    assert [given["operator"].partition("@")[0] for given in last["approvals"]] == ["bob", "bob"]


def test_a_canary_is_held_for_its_time_and_nothing_else_begins(nginx: Fleet, tmp_path: Path) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    slot, flags = OTHER[before["slot"]], canary(tmp_path, park=86400)
    with nginx.traffic() as measured:
        first = park(nginx, version, STEP, *flags)
        early = nginx.run("deploy", *flags, version=version)
        assert (early.code, "until 20" in early.output()) == (0, True), early.reason()
        for refused in (nginx.run("deploy", version=nginx.versions.fresh()), nginx.run("rollback")):
            assert refused.code != 0
            assert f"is parked at {STEP}, and this is another one" in refused.reason()
        require_share(nginx, slot, SHARE)
        let_its_time_come(nginx)
        nginx.deploy(version, *flags)
    measured.require_none_lost()
    assert nginx.ledger()["state"]["deployments"][-1]["id"] == first["deployment"]


def test_what_is_parked_before_it_settles_is_aborted(nginx: Fleet, tmp_path: Path) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    flags = canary(tmp_path, approvals=("before_settle",))
    with nginx.traffic() as measured:
        parked = park(nginx, version, "before_settle", *flags)
        require_share(nginx, OTHER[before["slot"]], 100)
        with run_by(nginx, "bob", tmp_path):
            ended = nginx.run("abort", reason=REASON)
        assert ended.code == 0, ended.reason()
    measured.require_none_lost()
    require_returned(nginx, before, version, parked["deployment"])


def test_a_parked_canary_that_turns_bad_is_taken_back_and_the_next_run_says_so(nginx: Fleet, tmp_path: Path) -> None:
    nginx.deploy(nginx.versions.fresh())
    before, bad = nginx.active(), nginx.versions.built(TURNS_BAD)
    flags = [*canary(tmp_path, approval=True), *watching(nginx, ERRORS_AFTER)]
    with nginx.traffic():
        parked = park(nginx, bad, STEP, *flags)
        require_share(nginx, OTHER[before["slot"]], SHARE)
        armed = [nginx.ask(host, "balancer")["watch"]["armed"]["deployment"] for host in BALANCERS]
        assert armed == [parked["deployment"]] * len(BALANCERS)
        wait_until(lambda: not_back(nginx, before["slot"]), PATIENCE, "the canary was taken back with no run under way")
        back = nginx.run("deploy", *flags, version=bad)
    assert back.code != 0
    assert f"returned the traffic while it was parked at {STEP}" in back.reason()
    nginx.require_active(before["version"])
    book = nginx.ledger()
    last = book["state"]["deployments"][-1]
    assert (book["unfinished"], last["id"], last["result"]) == (None, parked["deployment"], "failed")
