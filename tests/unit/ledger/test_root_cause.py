# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a deployment was undone is due within a day, and stays with it in the history."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.action.host_info import ActionModule
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import load
from ansible_collections.slipway.release.plugins.module_utils._compliance.notes import note_hours
from ansible_collections.slipway.release.plugins.module_utils._compliance.profile import read_profile
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, validate
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger
from ansible_collections.slipway.release.plugins.module_utils._status.report import lines, report

from tests.unit.inputs.test_validate import GROUPS, good
from tests.unit.ledger.made import SetClock, plan_of

DAY = 86400


def ended(ledger: Ledger, version: str, result: str, *stages: str, **changes: Any) -> str:
    """A deployment that has come to this end."""
    begun = ledger.begin(plan_of(version, **changes), "ops@laptop", 300)
    for stage in stages:
        ledger.commit(begun.deployment, begun.token, stage, {})
    ledger.finish(begun.deployment, begun.token, result, "", {})
    return begun.deployment


def shown(ledger: Ledger) -> str:
    return "\n".join(lines(report("shop", {"db1": {"ledger": ledger.info()}})))


def test_a_note_is_due_for_a_day_and_then_overdue(ledger: Ledger, clock: SetClock) -> None:
    undone = ended(ledger, "1.1", "failed", "place", "undo")
    (note,) = ledger.info()["notes_due"]
    assert (note["deployment"], note["overdue"]) == (undone, False)
    assert f"the root cause of deployment {undone} is due until" in shown(ledger)
    clock.pass_seconds(DAY)
    assert not ledger.info()["notes_due"][0]["overdue"]
    clock.pass_seconds(1)
    assert ledger.info()["notes_due"][0]["overdue"]
    assert f"PROBLEM: the root cause of deployment {undone} was due until" in shown(ledger)


def test_a_profile_may_ask_for_it_sooner(ledger: Ledger, clock: SetClock) -> None:
    ended(ledger, "1.1", "failed", "place", "undo")
    clock.pass_seconds(4 * 3600 + 1)
    assert ledger.info(4)["notes_due"][0]["overdue"] and not ledger.info(5)["notes_due"][0]["overdue"]
    assert (note_hours(None), note_hours(load(["gdpr"])), note_hours(load(["sox"]))) == (24, 24, 24)
    assert note_hours(read_profile({"name": "own", "title": "ours", "root_cause_hours": 4}, "own")) == 4


@pytest.mark.parametrize(("names", "hours"), [([], 24), (["OWN"], 4), (["hippo"], 24), ({"a": "b"}, 24)])
def test_the_status_goes_by_the_profiles_and_is_stopped_by_none(tmp_path: Path, names: Any, hours: int) -> None:
    own = tmp_path / "own.yml"
    own.write_text("{name: own, title: ours, root_cause_hours: 4}\n", encoding="utf-8")
    asked: list[dict[str, Any]] = []

    class Asking(ActionModule):
        def __init__(self) -> None:
            self._templar: Any = SimpleNamespace(template=lambda value: value)

        def _execute_module(self, **call: Any) -> dict[str, Any]:
            asked.append(call["module_args"])
            return {}

    given = [str(own)] if names == ["OWN"] else names
    Asking()._execute("ledger", {"app": "shop"}, {"slipway_compliance": given})
    assert asked == [{"app": "shop", "root_cause_hours": hours}]


def test_the_note_is_kept_with_who_and_when(ledger: Ledger) -> None:
    undone = ended(ledger, "1.1", "aborted", "undo")
    assert ledger.root_cause(undone, "the cache was cold", "ann@pc").changed
    assert not ledger.root_cause(undone, "the cache was cold", "ann@pc").changed
    info = ledger.info()
    assert info["notes_due"] == []
    kept = info["state"]["deployments"][-1]["root_cause"]
    assert (kept["text"], kept["operator"], kept["given"][:10]) == ("the cache was cold", "ann@pc", "2026-11-21")
    assert "root cause" not in shown(ledger)


def test_a_note_outlives_later_deployments(ledger: Ledger) -> None:
    undone = ended(ledger, "1.1", "failed", "undo")
    ledger.root_cause(undone, "the cache was cold", "ann@pc")
    ended(ledger, "1.2", "active")
    assert ledger.info()["state"]["deployments"][0]["root_cause"]["text"] == "the cache was cold"


def test_only_what_went_back_needs_one(ledger: Ledger) -> None:
    active = ended(ledger, "1.0", "active")
    untouched = ended(ledger, "1.1", "failed", "place", origin="1.0")
    assert ledger.info()["notes_due"] == []
    for deployment in (active, untouched, "nowhere"):
        with pytest.raises(StateError):
            ledger.root_cause(deployment, "why", "ann@pc")
    back = ended(ledger, "1.0", "active", verb="rollback", origin="1.2")
    assert [note["deployment"] for note in ledger.info()["notes_due"]] == [back]


def test_check_mode_records_nothing(ledger: Ledger, tmp_path: Path, clock: SetClock) -> None:
    undone = ended(ledger, "1.1", "failed", "undo")
    assert Ledger("shop", root=tmp_path, time=clock, check_mode=True).root_cause(undone, "why", "ann@pc").changed
    assert len(ledger.info()["notes_due"]) == 1


@pytest.mark.parametrize("missing", ["slipway_deployment", "slipway_root_cause"])
def test_both_must_be_said(tmp_path: Path, missing: str) -> None:
    said = {"slipway_deployment": "d1", "slipway_root_cause": "the cache was cold"}
    assert validate({**good(tmp_path), **said}, GROUPS, base=tmp_path, verb="root_cause").root_cause
    with pytest.raises(InputProblems) as refused:
        validate({**good(tmp_path), **said, missing: " "}, GROUPS, base=tmp_path, verb="root_cause")
    assert refused.value.where == missing
