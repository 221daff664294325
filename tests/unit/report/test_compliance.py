# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a compliance report, counted once more from the raw lines of the logs, and what refuses a report."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.action.compliance_report import ActionModule
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Head
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._report.compliance import figures
from ansible_collections.slipway.release.plugins.module_utils._report.compliance_page import rendered
from ansible_collections.slipway.release.plugins.module_utils._report.period import Period
from ansible_collections.slipway.release.plugins.module_utils._report.words import DAY, HOUR, MINUTE, iso, moment

from .made import HOSTILE
from .quarters import QUARTER, START, Fleet, quarter
from .seen import Page, refuse_what_asks_others, refuse_what_is_not_accessible

AS_OF = QUARTER.end + DAY


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def report(fleet: Fleet, environment: str = "production", **more: Any) -> dict[str, Any]:
    return figures(fleet.parts(**more), QUARTER, environment=environment, as_of=AS_OF)


def raw(fleet: Fleet) -> list[dict[str, Any]]:
    """The events of both logs in the order of time, read without any of the code that is tested."""
    lines = [line for host in (fleet.ledger, fleet.balancer) for line in host.files.current.read_text().splitlines()]
    return sorted((json.loads(line)["event"] for line in lines), key=lambda one: str(one["time"]))


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def counted_again(fleet: Fleet, environment: str) -> dict[str, Any]:
    """The same figures by a second way: one pass over the events, then plain lists."""
    begins: dict[str, Any] = {}
    ends: dict[str, Any] = {}
    first_move: dict[str, float] = {}
    undo: dict[str, float] = {}
    notes: dict[str, float] = {}
    for one in raw(fleet):
        if one["stage"] != "outcome" or one.get("outcome") != "success":
            continue
        key, name = (one["type"], one["operation"]), one.get("deployment", "")
        if key == ("deployment", "begin"):
            begins[name] = one
        elif key == ("deployment", "finish"):
            ends[name] = one
        elif key == ("deployment", "commit") and one["details"]["stage"] == "undo":
            undo[name] = at(one["time"])
        elif key == ("traffic", "switch"):
            first_move.setdefault(name, at(one["time"]))
        elif "root_cause" in key:
            notes[name] = at(one["time"])
    low, high = QUARTER.start / 1000, QUARTER.end / 1000
    served: dict[Any, list[str]] = {}
    undone: dict[str, str] = {}
    for name, end in ends.items():
        if begins[name]["environment"] != environment or end["result"] != "active":
            continue
        before = served.setdefault(begins[name]["target"], [])
        if begins[name]["details"]["verb"] == "rollback":
            undone[before[-1]] = name
        before.append(name)
    chosen = [name for name, end in ends.items() if low <= at(end["time"]) < high]
    chosen = [name for name in chosen if begins[name]["environment"] == environment]
    forward = [name for name in chosen if begins[name]["details"]["verb"] == "deploy"]
    released = [name for name in forward if ends[name]["result"] == "active"]
    bad = [name for name in forward if name in undone or ends[name]["result"] != "active"]
    failures = [name for name in forward if name in undone or (name in bad and name in first_move)]
    changes = [name for name in forward if name in released or name in first_move]
    lead = [
        at(ends[name]["time"]) - begins[name]["details"]["built"]
        for name in released
        if "built" in begins[name]["details"]
    ]
    restore = []
    for name in failures:
        back = undone.get(name)
        if back:
            restore.append(at(ends[back]["time"]) - at(begins[back]["time"]))
        elif name in undo:
            restore.append(at(ends[name]["time"]) - undo[name])
    when_wrong = {
        name: at(ends[undone.get(name, name)]["time"])
        for name in begins
        if name in undone
        or (
            name in ends
            and ends[name]["result"] in ("failed", "aborted")
            and begins[name]["details"]["verb"] == "deploy"
        )
    }
    incidents = {
        name: time
        for name, time in when_wrong.items()
        if low <= time < high and begins[name]["environment"] == environment
    }
    met = {name: time for name, time in incidents.items() if name in undone or name in first_move}
    states = {}
    for name, time in met.items():
        given = notes.get(name)
        states[name] = "overdue" if given is None else "in time" if given <= time + 86400 else "late"
    return {
        "ended": len(forward),
        "successful": len(forward) - len(bad),
        "unsuccessful": len(bad),
        "rollbacks": len(chosen) - len(forward),
        "released": len(released),
        "days": len({int(at(ends[name]["time"]) // 86400) for name in released}),
        "lead": (len(lead), len(released) - len(lead), middle(lead)),
        "changes": len(changes),
        "failures": len(failures),
        "restore": (len(restore), len(failures) - len(restore), middle(restore)),
        "incidents": {name: iso(round(time * 1000)) for name, time in incidents.items()},
        "states": states,
    }


def middle(values: list[float]) -> int | None:
    ordered = sorted(values)
    return round(ordered[math.ceil(len(ordered) / 2) - 1] * 1000) if ordered else None


def changes_again(fleet: Fleet, environment: str) -> dict[str, Any]:
    """What the change gate has done, from the raw lines: text by text, without what the report knows of events."""
    found: dict[str, Any] = {"approved": [], "waved": 0, "overridden": 0, "refused": []}
    low, high = QUARTER.start / 1000, QUARTER.end / 1000
    for one in raw(fleet):
        change = one.get("details", {}).get("change", {})
        here = low <= at(one["time"]) < high and one.get("environment") == environment
        if one["stage"] == "intent" or not change or not here:
            continue
        if one["outcome"] == "refused":
            found["refused"].append((f"{one['type']} {one['operation']}", one["initiator"]["user"]))
            continue
        found["approved"] += [(person, one.get("deployment", "")) for person in change.get("approved_by", [])]
        found["waved"] += change["verdict"] == "warn"
        found["overridden"] += "overridden" in change
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("environment", ["production", "staging"])
def test_what_the_change_gate_has_done_is_that_of_the_raw_lines(fleet: Fleet, seed: int, environment: str) -> None:
    quarter(fleet, seed)
    made = report(fleet, environment)
    again = changes_again(fleet, environment)
    gate = [(one["by"], one["deployment"]) for one in made["approvals"] if one["stage"] == "change gate"]
    assert sorted(gate) == sorted(again["approved"])
    kinds = [one["kind"] for one in made["overrides"]]
    assert (kinds.count("waved through"), kinds.count("change gate")) == (again["waved"], again["overridden"])
    assert sorted((one["what"], one["by"]) for one in made["refusals"]) == sorted(again["refused"])
    if environment == "production":
        assert min(len(again["approved"]), again["waved"], again["overridden"], len(again["refused"])) > 0


WAVED = {
    "verdict": "warn",
    "reasons": ["no approval by dba", "gate unit_tests: fail"],
    "approved_by": ["eva", "otto"],
}


def test_what_the_gate_has_said_is_on_the_page(fleet: Fleet) -> None:
    override = {"person": "carl", "justification": "orders are lost", "ticket": "INC-4"}
    name = fleet.deploys(START + DAY, "1.0", by="ann@pc", change=WAVED)
    fleet.ledger.acts(
        START + DAY + 5, 0, "deployment", "begin", deployment=name, target="shop", result="resumed",
        initiator={"user": "ann@pc"}, details={"change": {"verdict": "pass", "approved_by": ["eva", "otto"]}},
    )  # fmt: skip
    fleet.deploys(START + 2 * DAY, "1.1", change={**LET_THROUGH, "override": override, "reasons": ["x (overridden)"]})
    fleet.deploys(START + 3 * DAY, "1.0", verb="rollback", change={**WAVED, "exempt": "a rollback always passes"})
    blocked = {"by": "checklist", "verdict": "block", "reasons": ["debug_off: a.yml:1: debugging is on"]}
    refused = {"type": "deployment", "operation": "begin", "outcome": "refused", "target": "shop", "version": "1.2"}
    fleet.ledger.writes(START + 4 * DAY, **refused, initiator={"user": "ann@pc"}, details={"change": blocked})
    lease = {"error": "lease", "message": "somebody else deploys", "change": LET_THROUGH}
    fleet.ledger.acts(START + 5 * DAY, 0, "deployment", "begin", outcome="refused", target="shop", details=lease)
    made = report(fleet, "")
    assert [(one["by"], one["ran_by"], one["deployment"]) for one in made["approvals"]][:2] == [
        ("eva", "ann@pc", name),
        ("otto", "ann@pc", name),
    ]
    assert [(one["kind"], one["what"], one["reason"]) for one in made["overrides"]] == [
        ("waved through", "no approval by dba, gate unit_tests: fail", ""),
        ("change gate", "freeze period close holds", "carl, orders are lost, INC-4"),
    ]
    (refusal,) = made["refusals"]
    assert (refusal["what"], refusal["refused_by"], refusal["version"], refusal["by"]) == (
        "deployment begin",
        "checklist",
        "1.2",
        "ann@pc",
    )
    page = Page(rendered(made))
    assert len(page.table("What was refused")) == 1 and len(page.table("What was let through")) == 2
    assert "debug_off: a.yml:1: debugging is on" in page.text and "carl, orders are lost, INC-4" in page.text
    assert made["deployments"]["all"] == 2, "what was refused is no deployment"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("environment", ["production", "staging"])
def test_the_figures_are_those_of_the_raw_lines(fleet: Fleet, seed: int, environment: str) -> None:
    quarter(fleet, seed)
    made = report(fleet, environment)
    again = counted_again(fleet, environment)
    told, dora = made["deployments"], made["dora"]
    assert told["successful"] + told["unsuccessful"] == again["ended"]
    assert {name: told[name] for name in ("successful", "unsuccessful", "rollbacks")} == {
        name: again[name] for name in ("successful", "unsuccessful", "rollbacks")
    }
    frequency, lead, restore = dora["deployment_frequency"], dora["lead_time"], dora["time_to_restore"]
    assert (frequency["deployments"], frequency["days_with_deployments"]) == (again["released"], again["days"])
    assert sum(week["deployments"] for week in frequency["by_week"]) == again["released"]
    assert float(frequency["per_week"]) == pytest.approx(again["released"] * 7 / 92, abs=0.0501)
    assert (lead["known"], lead["unknown"], lead["median_ms"]) == again["lead"]
    assert (restore["known"], restore["unknown"], restore["median_ms"]) == again["restore"]
    failure = dora["change_failure_rate"]
    assert (failure["changes"], failure["failures"], failure["unknown"]) == (again["changes"], again["failures"], 0)
    assert {one["deployment"]: one["at"] for one in made["incidents"]} == again["incidents"]
    assert {one["deployment"]: one["note"]["state"] for one in made["incidents"] if one["note"]} == again["states"]
    assert made["verdict"] == "intact"
    if environment == "production":
        assert min(again["released"], again["failures"], again["rollbacks"], len(again["states"])) > 0


def test_the_page_shows_them(fleet: Fleet) -> None:
    quarter(fleet, 1)
    made = report(fleet)
    text = rendered(made)
    refuse_what_asks_others(text)
    refuse_what_is_not_accessible(text)
    page = Page(text)
    told, dora = made["deployments"], made["dora"]
    for figure in (
        f"{told['successful']} of {told['successful'] + told['unsuccessful']} that ended",
        f"{float(dora['deployment_frequency']['per_week']):g} a week",
        f"{dora['change_failure_rate']['failures']} of {dora['change_failure_rate']['changes']} changes",
        f"unknown of {dora['lead_time']['unknown']}",
    ):
        assert figure in page.text, figure
    assert len(page.table("All deployments")) == len(made["list"])
    assert len(page.table("Deployments that failed")) == len(made["incidents"])
    assert 'class="notice bad"' in text and "overdue" in page.text and "Unproven" not in page.text


def test_a_failed_run_that_moved_no_traffic_is_no_change_failure(fleet: Fleet) -> None:
    fleet.deploys(START + DAY, "1.0")
    fleet.deploys(START + 2 * DAY, "1.1", result="failed", moves=False)
    made = report(fleet)
    assert made["dora"]["change_failure_rate"] == {"changes": 1, "failures": 0, "unknown": 0, "percent": "0.0"}
    assert [(one["what"], one["change_failure"], one["note"]) for one in made["incidents"]] == [
        ("failed before traffic moved", False, None)
    ]
    assert made["deployments"]["success_percent"] == "50.0"


def test_without_the_logs_of_balancers_it_is_unknown_and_not_zero(fleet: Fleet) -> None:
    fleet.deploys(START + DAY, "1.0")
    fleet.deploys(START + 2 * DAY, "1.1", result="failed")
    made = figures(fleet.parts()[:1], QUARTER, environment="", as_of=AS_OF)
    assert made["dora"]["change_failure_rate"] == {"changes": 1, "failures": 0, "unknown": 1, "percent": "0.0"}
    assert made["incidents"][0]["change_failure"] is None
    assert "of 1 more that failed no log says whether traffic had moved" in Page(rendered(made)).text


def test_a_rollback_ends_what_was_active_and_says_how_long_it_took(fleet: Fleet) -> None:
    fleet.deploys(START - 3 * DAY, "1.0")
    first = fleet.deploys(START - DAY, "1.1", built=START - 2 * DAY)
    back = fleet.deploys(START + DAY, "1.0", verb="rollback")
    made = report(fleet)
    incident = made["incidents"][0]
    assert (incident["deployment"], incident["what"], incident["undone_by"]) == (first, "rolled back", back)
    assert incident["restore_ms"] == 19 * MINUTE + 59_000
    assert incident["exposed_ms"] == 2 * DAY + 18 * MINUTE
    assert incident["note"]["due"] == iso(START + 2 * DAY + 20 * MINUTE)
    assert made["dora"]["deployment_frequency"]["deployments"] == 0, "it became active before the period"
    assert made["dora"]["lead_time"]["median_ms"] is None


def test_a_rollback_is_found_where_no_event_says_the_verb(fleet: Fleet) -> None:
    fleet.deploys(START + DAY, "1.0", verb="")
    fleet.deploys(START + 2 * DAY, "1.1", verb="")
    fleet.deploys(START + 3 * DAY, "1.1", verb="")
    fleet.deploys(START + 4 * DAY, "1.0", verb="")
    made = report(fleet)
    assert [one["verb"] for one in made["list"]] == ["deploy", "deploy", "deploy", "rollback"]


def test_what_another_deployment_says_of_one_counts(fleet: Fleet) -> None:
    first = fleet.deploys(START + DAY, "1.0", result="")
    fleet.deploys(START + 2 * DAY, "1.1", abandon=first, abandon_as="abandoned")
    second = fleet.deploys(START + 3 * DAY, "1.2")
    fleet.deploys(START + 4 * DAY, "1.3", returned=second)
    last = fleet.deploys(START + 5 * DAY, "1.4", result="")
    made = report(fleet)
    results = {one["deployment"]: one["result"] for one in made["list"]}
    assert (results[first], results[second], results[last]) == ("abandoned", "returned", "")
    told = made["deployments"]
    assert (told["abandoned"], told["not_ended"], told["unsuccessful"], told["all"]) == (1, 1, 1, 5)
    assert made["dora"]["change_failure_rate"]["failures"] == 1
    assert made["dora"]["time_to_restore"]["unknown"] == 1


@pytest.mark.parametrize(
    ("hours", "as_of", "state"),
    [(None, 23, "due"), (None, 24, "overdue"), (24, 30, "in time"), (25, 30, "late"), (25, 20, "late")],
)
def test_a_note_is_due_after_24_hours(fleet: Fleet, hours: int | None, as_of: int, state: str) -> None:
    name = fleet.deploys(START + DAY, "1.0", result="failed")
    ended = START + DAY + 20 * MINUTE
    if hours is not None:
        note = {"type": "root_cause", "operation": "note", "deployment": name, "outcome": "success"}
        fleet.ledger.writes(ended + hours * HOUR, **note)
    made = figures(fleet.parts(), QUARTER, environment="", as_of=ended + as_of * HOUR)
    assert made["incidents"][0]["note"]["state"] == state


def test_a_profile_may_ask_for_the_note_sooner(fleet: Fleet, tmp_path: Path) -> None:
    fleet.deploys(START + DAY, "1.0", result="failed")
    ended = START + DAY + 20 * MINUTE
    asked: dict[str, Any] = {"environment": "", "as_of": ended + 5 * HOUR}
    made = [figures(fleet.parts(), QUARTER, note_hours=hours, **asked) for hours in (4, 6)]
    assert [one["incidents"][0]["note"]["state"] for one in made] == ["overdue", "due"]
    assert [one["incidents"][0]["note"]["due"] for one in made] == [iso(ended + hours * HOUR) for hours in (4, 6)]
    assert "within 4 hours of an incident" in rendered(made[0])


@pytest.mark.parametrize(("given", "hours"), [({}, 4), ({"root_cause_hours": 7}, 7)])
def test_the_report_of_a_run_goes_by_its_profiles(
    fleet: Fleet, tmp_path: Path, given: dict[str, int], hours: int
) -> None:
    own = tmp_path / "own.yml"
    own.write_text("{name: own, title: ours, root_cause_hours: 4}\n", encoding="utf-8")
    action = object.__new__(ActionModule)
    action._templar = SimpleNamespace(template=lambda value: value)
    assert action._note_hours(given, {"slipway_compliance": [str(own)]}) == hours
    arguments = {"dest": str(tmp_path / "reports"), "root_cause_hours": hours}
    action._task = SimpleNamespace(check_mode=False)
    action._written(arguments, fleet.parts(), QUARTER)
    (file,) = (tmp_path / "reports").glob("*.json")
    made = json.loads(file.read_text(encoding="utf-8"))
    assert made["note_hours"] == hours and made["as_of"] == iso(QUARTER.end + hours * HOUR)


LET_THROUGH = {"verdict": "pass", "overridden": ["freeze period close holds"]}


def test_approvals_overrides_kills_and_interrupted_acts(fleet: Fleet) -> None:
    name = fleet.deploys(
        START + DAY, "1.0", by="ann@pc", skip=["smoke"], force=True, reason="by phone", change=LET_THROUGH
    )
    common = {"deployment": name, "target": "shop", "details": {"stage": "before_traffic"}}
    fleet.ledger.acts(START + DAY + 1, 0, "approval", "approve", initiator={"user": "bob@pc"}, **common)
    fleet.ledger.acts(START + DAY + 2, 0, "approval", "approve", initiator={"user": "ann@pc"}, **common)
    fleet.ledger.acts(START + 3 * DAY, 0, "flag", "kill", target="search", initiator={"user": "eva@pc"})
    fleet.ledger.writes(START + 4 * DAY, type="database", operation="apply", stage="intent", target="migrations")
    made = report(fleet, "")
    assert [(one["by"], one["own"]) for one in made["approvals"]] == [("bob@pc", False), ("ann@pc", True)]
    assert sorted((one["kind"], one["what"], one["reason"]) for one in made["overrides"]) == [
        ("change gate", "freeze period close holds", "by phone"),
        ("forced", "yes", "by phone"),
        ("left out", "smoke", "by phone"),
    ]
    assert [(one["target"], one["by"]) for one in made["kill_switches"]] == [("search", "eva@pc")]
    assert [(one["type"], one["operation"], one["log"]) for one in made["interrupted"]] == [
        ("database", "apply", "db1/deployments")
    ]
    assert "own deployment" in Page(rendered(made)).text


def test_what_is_unproven_is_said_at_the_top_with_what_rests_on_it(fleet: Fleet) -> None:
    name = fleet.deploys(START + DAY, "1.0")
    made = report(fleet, proven=False)
    assert made["verdict"] == "unproven" and made["unproven_deployments"] == [name]
    text = rendered(made)
    top = Page(text).text.partition("Success rate")[0]
    assert "Unproven: not everything here is proven" in top and name in top and "audit log unproven" in top
    assert "1 of 1 that ended" in Page(text).text


def test_a_tail_after_the_last_checkpoint_is_unproven_and_the_rest_is_not(fleet: Fleet) -> None:
    fleet.deploys(START + DAY, "1.0")
    fleet.balancer.written()
    head = fleet.ledger.written()
    name = fleet.deploys(START + 2 * DAY, "1.1")
    fleet.ledger.written()
    made = figures([fleet.ledger.part(head)], QUARTER, environment="", as_of=AS_OF)
    assert (made["verdict"], made["unproven_deployments"]) == ("unproven", [name])


def test_a_broken_log_makes_no_report(fleet: Fleet) -> None:
    fleet.deploys(START + DAY, "1.0", result="failed")
    fleet.balancer.written()
    head = fleet.ledger.written()
    path = fleet.ledger.files.current
    whole = path.read_bytes()
    assert fleet.ledger.part(head)["log"]["verdict"] == "intact"
    for broken in (
        whole.replace(b'"result":"failed"', b'"result":"active"'),
        b"".join(whole.splitlines(keepends=True)[:-1]),
        b"".join(line for place, line in enumerate(whole.splitlines(keepends=True)) if place != 3),
    ):
        assert broken != whole
        path.write_bytes(broken)
        with pytest.raises(StateError, match="the audit log is broken"):
            fleet.ledger.part(head)


def test_a_log_is_refused_that_another_proven_one_contradicts(fleet: Fleet) -> None:
    fleet.deploys(START + DAY, "1.0")
    head = fleet.balancer.written()
    fleet.ledger.written()
    with pytest.raises(StateError, match="forked"):
        fleet.balancer.part(Head(1, head.seq, "ab" * 32))


def test_a_head_counts_only_from_a_record_that_is_proven_itself(fleet: Fleet) -> None:
    fleet.deploys(START + DAY, "1.0")
    parts = fleet.parts(proven=False)
    assert parts[0]["heads"] == [] and parts[1]["log"]["verdict"] == "unproven"


def test_a_log_that_is_given_twice_is_refused(fleet: Fleet) -> None:
    fleet.deploys(START + DAY, "1.0")
    parts = fleet.parts()
    with pytest.raises(InputError, match="twice"):
        figures([*parts, parts[0]], QUARTER, environment="", as_of=AS_OF)


def test_a_log_that_begins_after_the_period_is_said(fleet: Fleet) -> None:
    fleet.deploys(START + 40 * DAY, "1.0")
    made = report(fleet)
    assert all(log["begins_late"] for log in made["logs"])
    assert "The period begins before the log" in Page(rendered(made)).text


def test_an_empty_quarter_divides_by_nothing(fleet: Fleet) -> None:
    fleet.ledger.writes(START - DAY, type="flag", operation="set", outcome="success")
    made = figures([fleet.ledger.part(fleet.ledger.written())], QUARTER, environment="", as_of=AS_OF)
    assert made["deployments"]["success_percent"] is None
    text = rendered(made)
    refuse_what_is_not_accessible(text)
    assert "No deployment failed" in text


def test_hostile_texts_stay_texts_and_the_order_of_logs_does_not_matter(fleet: Fleet) -> None:
    name = fleet.deploys(START + DAY, HOSTILE, app=HOSTILE, by=HOSTILE, result="failed", skip=[HOSTILE], reason=HOSTILE)
    common = {"deployment": name, "target": HOSTILE, "initiator": {"user": HOSTILE}}
    fleet.ledger.acts(START + DAY + 1, 0, "approval", "approve", details={"reason": HOSTILE}, **common)
    fleet.ledger.acts(START + DAY + 2, 0, "flag", "kill", **common)
    fleet.ledger.writes(START + 2 * DAY, type=HOSTILE, operation=HOSTILE, stage="intent", **common)
    parts = fleet.parts()
    text = rendered(figures(parts, QUARTER, environment="", as_of=AS_OF))
    refuse_what_asks_others(text)
    assert "<script>" in Page(text).text
    assert rendered(figures(parts[::-1], QUARTER, environment="", as_of=AS_OF)).count("lb1/") == text.count("lb1/")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026-q1", "2026-01-01", "2026-04-01"),
        ("2026-02", "2026-02-01", "2026-03-01"),
        ("2024", "2024-01-01", "2025-01-01"),
        ("2026-11-03/2026-11-03", "2026-11-03", "2026-11-04"),
        ("", "2026-07-01", "2026-10-01"),
    ],
)
def test_periods(text: str, start: str, end: str) -> None:
    found = Period.read(text, moment("2026-11-22T00:00:00Z"))
    assert (found.start, found.end) == (moment(f"{start}T00:00:00Z"), moment(f"{end}T00:00:00Z"))


def test_the_last_quarter_may_be_of_the_last_year() -> None:
    assert Period.read("", moment("2026-03-31T23:59:59Z")).name == "2025-Q4"


@pytest.mark.parametrize(
    "text", ["2026-Q5", "2026-13", "yesterday", "2026-11-03/2026-11-02", "2026-11-03", "9999", "../x"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Period.read(text, 0)


def test_traffic_that_a_balancer_has_returned_by_itself_is_an_incident_at_that_time(fleet: Fleet) -> None:
    name = fleet.deploys(START + DAY, "1.0")
    stays = fleet.deploys(START + 3 * DAY, "1.1")
    details = {"from": {"blue": 0, "green": 100}, "to": {"blue": 100, "green": 0}, "reason": "the watch failed"}
    said = {"outcome": "success", "result": "returned", "details": details, "deployment": name, "target": "shop"}
    fleet.balancer.writes(START + DAY + HOUR, type="traffic", operation="return", **said)
    fleet.balancer.writes(START + DAY + 2 * HOUR, type="traffic", operation="return", **said)
    made = report(fleet)
    (incident,) = made["incidents"]
    assert (incident["deployment"], incident["what"]) == (name, "traffic returned by the balancers")
    assert incident["at"] == iso(START + DAY + HOUR) and stays not in json.dumps(made["incidents"])
