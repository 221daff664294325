# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checklist after a deployment has found stays with it in its evidence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger
from ansible_collections.slipway.release.plugins.module_utils._report.deployment import figures

from tests.unit.ledger.made import plan_of
from tests.unit.ledger.test_root_cause import ended

FOUND: dict[str, Any] = {"at": "2026-11-21T08:00:00+00:00", "verdict": "fail", "entries": []}


def test_it_is_part_of_the_evidence_and_the_last_one_counts(ledger: Ledger) -> None:
    deployment = ended(ledger, "1.1", "active")
    before = ledger.storage.document(deployment) or {}
    ledger.checklist(deployment, FOUND, "ann@pc")
    answer = ledger.checklist(deployment, {**FOUND, "verdict": "pass"}, "ann@pc")
    document = ledger.storage.document(deployment) or {}
    assert document == answer.document
    assert (before["checklist"], document["checklist"]["verdict"]) == (None, "pass")
    assert figures(document, {})["checklist"] == document["checklist"]
    assert [line["action"] for line in document["timeline"]][-2:] == ["checklist", "checklist"]
    assert document["timeline"][-1]["holder"] == "ann@pc"


def test_nothing_else_of_the_deployment_changes(ledger: Ledger) -> None:
    deployment = ended(ledger, "1.1", "active")
    before, history = ledger.storage.document(deployment) or {}, ledger.info()
    ledger.checklist(deployment, FOUND, "ann@pc")
    document = ledger.storage.document(deployment) or {}
    own = {"checklist", "timeline"}
    assert {name: value for name, value in document.items() if name not in own} == {
        name: value for name, value in before.items() if name not in own
    }
    assert ledger.info() == history


def test_a_deployment_that_has_begun_since_is_not_touched(ledger: Ledger) -> None:
    deployment = ended(ledger, "1.1", "active")
    begun = ledger.begin(plan_of("1.2"), "ops@laptop", 300)
    ledger.checklist(deployment, FOUND, "ann@pc")
    assert ledger.renew(begun.deployment, begun.token).changed
    assert (ledger.storage.document(deployment) or {})["missing"] == []


def test_only_of_what_has_ended(ledger: Ledger) -> None:
    begun = ledger.begin(plan_of("1.1"), "ops@laptop", 300)
    for deployment in (begun.deployment, "20261121T073000Z-000000"):
        with pytest.raises(StateError):
            ledger.checklist(deployment, FOUND, "ann@pc")


def test_what_is_no_plain_json_is_refused(ledger: Ledger) -> None:
    deployment = ended(ledger, "1.1", "active")
    with pytest.raises(InputError):
        ledger.checklist(deployment, {"ratio": 0.5}, "ann@pc")


def test_check_mode_records_nothing(ledger: Ledger) -> None:
    deployment = ended(ledger, "1.1", "active")
    before = ledger.storage.document(deployment)
    Ledger("shop", root=ledger.storage.directory.parent, time=ledger.time, check_mode=True).checklist(
        deployment, FOUND, "ann@pc"
    )
    assert ledger.storage.document(deployment) == before
