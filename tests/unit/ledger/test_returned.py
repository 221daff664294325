# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment whose traffic the watch has returned after the run: the next one that begins records that."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger

from tests.unit.ledger.made import SetClock, plan_of

BACK = {"deployment": "", "reason": "errors: failed once"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """One in which 1.0 is active in blue and 1.1 after it in green."""
    made = Ledger("shop", root=tmp_path, time=SetClock())
    for plan in ({**plan_of("1.0"), "slot": "blue"}, plan_of("1.1", origin="1.0")):
        begun = made.begin(plan, "ann@pc", 60)
        made.finish(begun.deployment, begun.token, "active")
    return made


def test_it_is_recorded_with_the_reason_and_is_good_no_more(ledger: Ledger) -> None:
    last = ledger.info()["state"]["deployments"][-1]["id"]
    begun = ledger.begin({**plan_of("1.2", origin="1.0"), "returned": BACK}, "ann@pc", 60, returned=last)
    state = ledger.info()["state"]
    assert state["active"] == {"slot": "blue", "revision": "r1.0", "version": "1.0"}
    assert (state["deployments"][-1]["result"], state["deployments"][-1]["reason"]) == ("returned", BACK["reason"])
    assert {item["version"]: item["good"] for item in state["proven"]} == {"1.0": True, "1.1": False}
    assert ledger.storage.events(last)[-1]["action"] == "returned"
    ledger.finish(begun.deployment, begun.token, "active")
    assert [entry["result"] for entry in ledger.info()["state"]["deployments"]] == ["active", "returned", "active"]


def test_recording_it_again_changes_nothing(ledger: Ledger) -> None:
    last = ledger.info()["state"]["deployments"][-1]["id"]
    plan = {**plan_of("1.2", origin="1.0"), "returned": BACK}
    first = ledger.begin(plan, "ann@pc", 60, returned=last)
    ledger.finish(first.deployment, first.token, "failed")
    before = len(ledger.storage.events(last))
    ledger.begin(plan, "ann@pc", 60, returned=last)
    assert len(ledger.storage.events(last)) == before


def test_an_unfinished_one_is_closed_so(ledger: Ledger) -> None:
    begun = ledger.begin(plan_of("1.3", origin="1.0"), "ann@pc", 60)
    ledger.release("gone")
    ledger.begin(plan_of("1.4", origin="1.0"), "ann@pc", 60, abandon=begun.deployment, abandon_as="returned")
    assert ledger.info()["state"]["deployments"][-1]["result"] == "returned"
    assert ledger.info()["state"]["active"]["slot"] == "blue"
