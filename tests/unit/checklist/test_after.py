# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every item of the checklist after a deployment, with what passes and its twin that does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.action.checklist import DEFAULTS_AFTER
from ansible_collections.slipway.release.plugins.module_utils._checklist.deployed import after, deployments
from ansible_collections.slipway.release.plugins.module_utils._checklist.model import Deployed, Fleet, Scene
from ansible_collections.slipway.release.plugins.module_utils._checklist.run import LOOKS, gone_through, told
from ansible_collections.slipway.release.plugins.module_utils._checklist.spec import AFTER, AFTER_ITEMS, OPTIONS
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger
from ansible_collections.slipway.release.plugins.module_utils._status.report import report

from tests.unit.checklist.test_items import NOW, SHA, answering, item, reported
from tests.unit.ledger.made import SetClock, plan_of

LAST = {
    "deployment": "d7",
    "version": "1.4.2",
    "result": "active",
    "by_hand": [],
    "left_out": [],
    "smoke_tests": {"ran": 2, "failed": 0},
    "sent": 200,
    "lost": 0,
    "profile": None,
}
PROFILE = {"sent": 100, "lost": 0, "latency_us": {"p95": 90_000}, "verdict": "pass", "reason": ""}
WATCH = {"armed": {"judged": [{"name": "errors", "verdict": "pass", "reason": "0 %"}]}}
STATUS: dict[str, Any] = {
    "active": {"version": "1.4.2"},
    "problems": [],
    "balancers": {"lb1": {"watch": WATCH}},
    "ledger": {"lease": None, "parked": None, "notes_due": []},
}


def judged(
    last: Any = (), status: Any = (), variables: Any = (), required: Any = (), allow: Any = (), **read: Any
) -> dict[str, Any]:
    """The checklist of a fleet that is well, but for what is given."""
    given = {name: option["default"] for name, option in OPTIONS.items() if "default" in option}
    options = {name: read.pop(name) for name in ("health", "backup", "enforcement") if name in read}
    limits = read.pop("after", {})
    known = {"slipway_app": "shop", "slipway_version": "1.4.2", **dict(variables)}
    fleet = Fleet({**LAST, **dict(last)}, {**STATUS, **dict(status)})
    scene = Scene(
        {**given, **options, "allow": list(allow), "after": {**DEFAULTS_AFTER, **limits}},
        [],
        SHA,
        NOW,
        known,
        Deployed(**{"fleets": {"": fleet}, **read}),
    )
    return gone_through(scene, required, AFTER)


def verdict(name: str, **given: Any) -> str:
    return str(item(judged(**given), name)["verdict"])


def test_every_item_is_looked_at() -> None:
    assert tuple(LOOKS[AFTER]) == AFTER_ITEMS
    assert [found["name"] for found in judged()["entries"]] == list(AFTER_ITEMS)


def test_what_was_not_read_is_skipped_and_does_not_pass() -> None:
    checklist = judged(fleets={})
    assert {found["verdict"] for found in checklist["entries"]} == {"skipped"}
    assert all(found["reason"] for found in checklist["entries"])
    assert item(judged(fleets={}, required=["running"]), "running")["verdict"] == "fail"


def test_a_failure_is_no_block_and_what_warns_does_not_fail() -> None:
    assert judged()["verdict"] == "pass"
    assert judged(last={"result": "failed"})["verdict"] == "fail"
    assert judged(last={"result": "failed"}, enforcement="warn")["verdict"] == "warn"
    assert judged(last={"result": "failed"}, enforcement="none")["verdict"] == "pass"


def test_a_finding_that_is_allowed_does_not_count() -> None:
    allowed = {"item": "running", "place": "the application", "what": "*", "reason": "app3 is being repaired"}
    checklist = judged(last={"left_out": ["app3"]}, allow=[allowed])
    assert (checklist["verdict"], item(checklist, "running")["allowed"]) == ("pass", ["app3 is being repaired"])


@pytest.mark.parametrize(
    ("last", "status", "what"),
    [
        ({"result": "failed"}, {}, "deployment d7 has ended as failed"),
        ({"by_hand": ["It was not stopped on app2."]}, {}, "it is left to do by hand: It was not stopped on app2."),
        ({"left_out": ["app3"]}, {}, "left out: app3"),
        ({}, {"problems": ["app1 cannot be reached"]}, "app1 cannot be reached"),
        ({}, {"active": {"version": "1.4.1"}}, "1.4.1 is active, not 1.4.2"),
        ({}, {"active": None}, "nothing is active, not 1.4.2"),
        (
            {},
            {"ledger": {**STATUS["ledger"], "lease": {"live": True, "deployment": "d8"}}},
            "deployment d8 is under way",
        ),
        ({}, {"ledger": {**STATUS["ledger"], "parked": {"deployment": "d8"}}}, "deployment d8 is parked"),
    ],
)
def test_the_release_runs_everywhere(last: Any, status: Any, what: str) -> None:
    assert verdict("running") == "pass"
    found = item(judged(last=last, status=status), "running")
    assert [(one["what"], bool(one["remedy"])) for one in found["findings"]] == [(what, True)]
    assert found["verdict"] == "fail"


def test_a_lease_that_is_over_is_none() -> None:
    status = {"ledger": {**STATUS["ledger"], "lease": {"live": False, "deployment": "d8"}}}
    assert verdict("running", status=status) == "pass"


@pytest.mark.parametrize(("tests", "wanted"), [((2, 0), "pass"), ((2, 1), "fail"), ((0, 0), "skipped")])
def test_smoke_tests_have_passed(tests: tuple[int, int], wanted: str) -> None:
    assert verdict("smoke_tests", last={"smoke_tests": dict(zip(("ran", "failed"), tests))}) == wanted


def test_a_region_without_smoke_tests_fails_where_another_has_them() -> None:
    none = Fleet({**LAST, "smoke_tests": {"ran": 0, "failed": 0}})
    assert verdict("smoke_tests", fleets={"eu": Fleet(LAST), "us": none}) == "fail"


@pytest.mark.parametrize(
    ("last", "wanted"),
    [
        ({"sent": 200, "lost": 1}, "pass"),
        ({"sent": 200, "lost": 2}, "fail"),
        ({"profile": PROFILE}, "pass"),
        ({"profile": {**PROFILE, "lost": 1}}, "fail"),
        ({"profile": {**PROFILE, "latency_us": {"p95": 1_999_999}}}, "pass"),
        ({"profile": {**PROFILE, "latency_us": {"p95": 2_000_000}}}, "fail"),
        ({"profile": {**PROFILE, "verdict": "fail", "reason": "p95 is 3 times that of 1.4.1"}}, "fail"),
        ({"profile": {**PROFILE, "latency_us": {}, "verdict": "insufficient"}}, "pass"),
    ],
)
def test_errors_and_latency_stay_within_their_limits(last: Any, wanted: str) -> None:
    assert verdict("metrics", last=last) == wanted


@pytest.mark.parametrize(("said", "wanted"), [("pass", "pass"), ("insufficient", "warn"), ("fail", "fail")])
def test_what_the_watch_has_judged_since_counts(said: str, wanted: str) -> None:
    armed = {"judged": [{"name": "errors", "verdict": said, "reason": "7 % of the requests"}]}
    assert verdict("metrics", status={"balancers": {"lb1": {"watch": {"armed": armed}}}}) == wanted


def test_limits_are_those_of_the_operator() -> None:
    last = {"sent": 200, "lost": 2, "profile": PROFILE}
    assert verdict("metrics", last=last, after={"errors_below": 2}) == "pass"
    assert verdict("metrics", last=last, after={"errors_below": 2, "p95_below": 90}) == "fail"


def test_where_nothing_was_measured_nothing_passes() -> None:
    bare = {"balancers": {"lb1": {"watch": {}}}}
    assert verdict("metrics", last={"sent": None, "lost": None}, status=bare) == "skipped"


@pytest.mark.parametrize(
    ("logs", "most", "wanted"),
    [
        ({"app1": {"count": 0, "units": {}, "cut": False}, "db1": {"skipped": True}}, 0, "pass"),
        ({"app1": {"count": 3, "units": {"slipway-shop-web@green.service": 3}, "cut": False}}, 0, "fail"),
        ({"app1": {"count": 3, "units": {"slipway-shop-web@green.service": 3}, "cut": True}}, 3, "pass"),
        ({"app1": {"msg": "the journal cannot be read"}}, 9, "fail"),
        ({"app1": {"unreachable": True}}, 9, "fail"),
        ({"db1": {"skipped": True}}, 0, "skipped"),
    ],
)
def test_the_logs_have_no_errors(logs: Any, most: int, wanted: str) -> None:
    assert verdict("log_errors", logs=logs, after={"log_errors": most}) == wanted


def test_flags_are_what_was_asked_for() -> None:
    due = [{"name": "new_cart", "strategy": "full", "percentage": 100}]
    assert verdict("flags_set", flags={"localhost": {"due": [], "store": "/flags.json"}}) == "pass"
    found = item(judged(flags={"localhost": {"due": due, "store": "/flags.json"}}), "flags_set")
    assert (found["verdict"], found["findings"][0]["what"]) == ("fail", "the flag new_cart is not full 100 %")
    assert verdict("flags_set", flags={"app1": {"msg": "no such file"}}) == "fail"


@pytest.mark.parametrize(
    ("state", "phase", "wanted"),
    [
        ("applied", "expand", "pass"),
        ("pending", "contract", "pass"),
        ("pending", "expand", "fail"),
        ("failed", "contract", "fail"),
        ("drifted", "expand", "warn"),
        ("missing", "expand", "warn"),
    ],
)
def test_migrations_are_done(state: str, phase: str, wanted: str) -> None:
    row = {"file": "001_a.sql", "phase": phase, "state": state}
    assert verdict("migrations_done", database={"schemas": [{"schema": "public", "migrations": [row]}]}) == wanted


def test_a_database_that_cannot_be_read_fails() -> None:
    assert verdict("migrations_done", database={"error": "db1 cannot be reached"}) == "fail"


@pytest.mark.parametrize(
    ("audits", "wanted"),
    [
        ({"db1": {"verdict": "intact"}, "app1": {"verdict": "absent"}}, "pass"),
        ({"db1": {"verdict": "unproven"}}, "pass"),
        ({"db1": {"verdict": "broken"}}, "fail"),
        ({"db1": {"verdict": "intact"}, "app1": {"unreachable": True}}, "fail"),
        ({"db1": {"verdict": "absent"}}, "skipped"),
    ],
)
def test_the_audit_log_is_what_was_written(audits: Any, wanted: str) -> None:
    assert verdict("audit_log", audits=audits) == wanted


def prometheus(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"alerts": [{"labels": labels, "state": "firing"} for labels in alerts]}}


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (prometheus(), "pass"),
        (prometheus({"alertname": "A", "severity": "critical", "app": "shop"}), "fail"),
        (prometheus({"alertname": "A", "severity": "critical"}), "fail"),
        (prometheus({"alertname": "A", "severity": "critical", "app": "other"}), "pass"),
        (prometheus({"alertname": "A", "severity": "warning"}), "warn"),
        ({"data": {"alerts": [{"labels": {"severity": "critical"}, "state": "pending"}]}}, "pass"),
        ([{"labels": {"severity": "critical"}, "status": {"state": "active"}}], "fail"),
        ([{"labels": {"severity": "critical"}, "status": {"state": "suppressed"}}], "pass"),
        ({"something": "else"}, "fail"),
        ([1], "fail"),
    ],
)
def test_no_alert_fires(answer: Any, wanted: str) -> None:
    with answering(200, answer) as url:
        checklist = judged(after={"alerts": url})
    assert item(checklist, "alerts")["verdict"] == wanted
    assert "s3cr3t" not in json.dumps(checklist)


def test_alerts_that_nobody_tells_fail() -> None:
    with answering(503) as url:
        assert verdict("alerts", after={"alerts": url}) == "fail"


@pytest.mark.parametrize(
    ("said", "wanted"), [({"sha256": SHA, "verdict": "pass"}, "pass"), ({"sha256": "b", "verdict": "pass"}, "fail")]
)
def test_users_have_accepted_this_artifact(tmp_path: Path, said: Any, wanted: str) -> None:
    path = reported(tmp_path, "accepted.json", said)
    assert verdict("acceptance", after={"acceptance": path}) == wanted


@pytest.mark.parametrize(("overdue", "wanted"), [(False, "warn"), (True, "fail")])
def test_somebody_says_why_it_went_wrong(overdue: bool, wanted: str) -> None:
    note = {"deployment": "d6", "due": "2026-11-22T07:31:00+00:00", "overdue": overdue}
    told_too = f"the root cause of deployment d6 was due until {note['due']} (root_cause.yml)"
    status = {"ledger": {**STATUS["ledger"], "notes_due": [note]}, "problems": [told_too] if overdue else []}
    checklist = judged(status=status)
    assert item(checklist, "incident_report")["verdict"] == wanted
    assert item(checklist, "running")["verdict"] == "pass"
    assert any("run root_cause.yml" in sentence for sentence in told(checklist))


def test_health_and_backups_are_looked_at_as_before_a_deployment() -> None:
    with answering(500) as url:
        assert verdict("health", health=[url]) == "fail"
    assert verdict("backup", backup={"path": "/nowhere", "max_age": 60}) == "fail"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger("shop", root=tmp_path / "ledger", time=SetClock())


def ended(ledger: Ledger) -> tuple[str, dict[str, Any]]:
    """A deployment that has become active, and its evidence."""
    begun = ledger.begin(plan_of("1.4.2"), "ops@laptop", 300)
    return begun.deployment, ledger.finish(begun.deployment, begun.token, "active", "", {}).document


def options_of(**given: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(("live", "regions", "audits", "logs", "stores", "database"), {}),
        "app": "shop",
        "document": "",
        **given,
    }


def test_the_evidence_alone_says_how_the_deployment_has_ended(ledger: Ledger, tmp_path: Path) -> None:
    deployment, document = ended(ledger)
    found = after(options_of(document=reported(tmp_path, "evidence.json", document)))
    assert deployments(found) == {"": deployment}
    assert (found.fleets[""].last["result"], found.fleets[""].status) == ("active", {})
    assert after(options_of(document=str(tmp_path / "nowhere"))).fleets == {}


def test_what_was_read_counts_before_the_evidence(ledger: Ledger) -> None:
    deployment, _document = ended(ledger)
    live = {"db1": {"ledger": ledger.info()}}
    found = after(options_of(live=live, document="/nowhere"))
    assert deployments(found) == {"": deployment}
    assert found.fleets[""].status == report("shop", live)


def test_each_region_is_looked_at(ledger: Ledger) -> None:
    deployment, _document = ended(ledger)
    live = {"db1": {"ledgers": {"eu": ledger.info(), "us": {"error": "no such directory"}}}, "app1": {}, "app2": {}}
    found = after(options_of(live=live, regions={"eu": ["app1"], "us": ["app2"]}))
    assert list(found.fleets) == ["eu", "us"]
    assert deployments(found) == {"eu": deployment}
