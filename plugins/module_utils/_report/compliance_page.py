# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a compliance report, drawn from its figures. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import charts
from .audit_part import KINDS
from .compliance import DUE, IN_TIME, LATE, OVERDUE
from .markup import Child, Markup, joined
from .page import NOTHING, badge, code, listed, notice, page, paragraph, section, table, tiles
from .words import counted, day, enumerated, length, moment, number, when

RESULTS = {"active": "good", "failed": "bad", "aborted": "bad", "returned": "bad", "abandoned": "warn"}
NOTES = {IN_TIME: "good", LATE: "bad", OVERDUE: "bad", DUE: "warn"}
WORDS = (
    "Frequency: deployments that became active.",
    "Lead time: from the commit to running in production. Unknown where the log does not have the commit's time.",
    (
        "A change has failed when users met it and somebody had to go back: it was undone after traffic had moved, the "
        "watch returned its traffic, or a rollback led away from it. A failed run that moved no traffic is no failure. "
        "A failure that a newer release has remedied is not recognised."
    ),
    (
        "Time to restore: from the first record of the failure to the record that service was restored. When somebody "
        "first noticed is in no record. Users were exposed no longer than from the first traffic on."
    ),
)
Figures = Mapping[str, Any]


def rendered(made: Figures) -> str:
    """The page."""
    period = made["period"]
    where = f", {made['environment']}" if made["environment"] else ""
    parts = (
        _notices(made),
        _tiles(made),
        _dora(made),
        _incidents(made),
        _approvals(made),
        _overrides(made),
        _refusals(made),
        _acts(made),
        _deployments(made),
        _logs(made),
    )
    return page(f"Compliance report {period['name']}{where}", "Compliance report", _lead(made), parts, _foot(made))


def _lead(made: Figures) -> Markup:
    period = made["period"]
    kind = KINDS[made["verdict"]]
    last = _at(period["end"]) - 1000
    applications = made["deployments"]["applications"]
    return joined(
        [
            paragraph(
                badge(kind, f"audit log {made['verdict']}"),
                f" {day(_at(period['start']))} to {day(last)} UTC, {counted(period['days'], 'day')}",
            ),
            paragraph(f"Applications: {enumerated(applications)}.") if applications else None,
        ]
    )


def _foot(made: Figures) -> Markup:
    return paragraph(
        "Computed from verified audit logs alone, as of ",
        when(_at(made["as_of"])),
        " UTC. All times are UTC. This file has no scripts and asks no other computer for anything.",
    )


def _notices(made: Figures) -> Markup:
    found: list[Child] = []
    loose = [log for log in made["logs"] if log["verdict"] != "intact"]
    if loose:
        texts = [
            f"{log['origin']}: no checkpoint covers the records {log['proven'] + 1} to {log['head']['seq']}."
            for log in loose
        ]
        resting = made["unproven_deployments"]
        said = (
            f"{counted(len(resting), 'deployment')} of this report rest on them: {enumerated(resting)}."
            if resting
            else "No deployment of this report rests on them."
        )
        what = "Nothing is wrong with them to be seen, but somebody with root on the host could have written them anew."
        found.append(
            notice("bad", "Unproven: not everything here is proven", listed(texts), paragraph(said), paragraph(what))
        )
    late = [log for log in made["logs"] if log["begins_late"]]
    if late:
        texts = [f"{log['origin']} begins at {log['first'] or 'no record'}." for log in late]
        what = "What happened in the period before that is not in this report."
        found.append(notice("warn", "The period begins before the log", listed(texts), paragraph(what)))
    overdue = [one["deployment"] for one in made["incidents"] if one["note"] and one["note"]["state"] == OVERDUE]
    if overdue:
        found.append(
            notice("bad", f"{counted(len(overdue), 'root-cause note')} overdue", paragraph(enumerated(overdue, 40)))
        )
    if made["without_environment"]:
        text = (
            f"Not counted, because they name none: {counted(made['without_environment'], 'deployment')} of the period."
        )
        found.append(notice("warn", "Deployments without an environment", paragraph(text)))
    return joined(found)


def _tiles(made: Figures) -> Markup:
    told, incidents = made["deployments"], made["incidents"]
    more = [
        f"{told[name]} {word}" for name, word in (("abandoned", "abandoned"), ("not_ended", "not ended")) if told[name]
    ]
    before = sum(one["change_failure"] is False for one in incidents)
    return tiles(
        [
            ("Deployments", told["all"], ", ".join(more)),
            (
                "Success rate",
                _percent(told["success_percent"]),
                f"{told['successful']} of {told['successful'] + told['unsuccessful']} that ended",
            ),
            (
                "Rollbacks",
                told["rollbacks"],
                f"{told['rollbacks_failed']} failed" if told["rollbacks_failed"] else None,
            ),
            ("Incidents", len(incidents), f"{before} before users met it"),
        ]
    )


def _dora(made: Figures) -> Markup:
    found = made["dora"]
    frequency, lead = found["deployment_frequency"], found["lead_time"]
    failure, restore, exposed = found["change_failure_rate"], found["time_to_restore"], found["time_exposed"]
    weeks = frequency["by_week"]
    most = max(week["deployments"] for week in weeks)
    columns = [charts.Column(day(week["from"])[5:], week["deployments"]) for week in weeks]
    return section(
        "Delivery performance (DORA)",
        tiles(
            [
                (
                    "Deployment frequency",
                    f"{number(float(frequency['per_week'] or 0))} a week",
                    f"{frequency['deployments']} on {frequency['days_with_deployments']} of {frequency['days']} days",
                ),
                ("Lead time for changes", _median(lead), _of_known(lead, "deployment")),
                ("Change failure rate", _percent(failure["percent"]), _failures(failure)),
                ("Time to restore", _median(restore), _of_known(restore, "failure")),
            ]
        ),
        charts.columns(
            "weeks",
            "Deployments by week",
            f"{frequency['deployments']} deployments in {counted(len(weeks), 'week')}; at most {most} in one.",
            columns,
        ),
        table(
            "Deployments by week",
            ("From", "Until", "Deployments"),
            [(day(week["from"]), day(week["until"] - 1), week["deployments"]) for week in weeks],
            numbers=("Deployments",),
        ),
        table(
            "Durations",
            ("Figure", "Known", "Unknown", "Median", "90th percentile", "Longest"),
            [
                (name, one["known"], one["unknown"], *_lengths(one))
                for name, one in (("Lead time", lead), ("Time to restore", restore), ("Users exposed at most", exposed))
            ],
            numbers=("Known", "Unknown"),
        ),
        listed(WORDS),
        name="dora",
    )


def _lengths(spread: Mapping[str, Any]) -> list[str | None]:
    values = [spread[name] for name in ("median_ms", "p90_ms", "longest_ms")]
    return [None if value is None else length(value) for value in values]


def _failures(failure: Mapping[str, Any]) -> str:
    said = f"{failure['failures']} of {counted(failure['changes'], 'change')}"
    if failure["unknown"]:
        said += f"; of {failure['unknown']} more that failed no log says whether traffic had moved"
    return said


def _median(spread: Mapping[str, Any]) -> str:
    return (
        length(spread["median_ms"])
        if spread["median_ms"] is not None
        else NOTHING
        if not spread["unknown"]
        else "unknown"
    )


def _of_known(spread: Mapping[str, Any], what: str) -> str:
    if not spread["known"] and not spread["unknown"]:
        return f"no {what}"
    known = f"median of {counted(spread['known'], what)}" if spread["known"] else ""
    unknown = f"unknown of {spread['unknown']}" if spread["unknown"] else ""
    return ", ".join(part for part in (known, unknown) if part)


def _incidents(made: Figures) -> Markup:
    rows = [
        (
            when(_at(one["at"])),
            one["target"],
            one["version"],
            one["what"] + (f" by {one['undone_by']}" if one["undone_by"] else ""),
            one["reason"],
            length(one["restore_ms"]) if one["change_failure"] else None,
            _note(one["note"]),
        )
        for one in made["incidents"]
    ]
    names = ("Time", "Application", "Version", "What happened", "Reason", "Restored in", "Root-cause note")
    if not rows:
        return section("Incidents", paragraph("No deployment failed, and nobody had to go back."), name="incidents")
    said = paragraph(
        f"A root-cause note is due within {counted(made['note_hours'], 'hour')} of an incident that users met.",
        class_="quiet",
    )
    return section("Incidents", table("Deployments that failed or were undone", names, rows), said, name="incidents")


def _note(note: Mapping[str, Any] | None) -> Child:
    if note is None:
        return None
    given = f" given {when(_at(note['given']))}" if note["given"] else f" until {when(_at(note['due']))}"
    return joined([badge(NOTES[note["state"]], note["state"]), given])


def _approvals(made: Figures) -> Markup:
    rows = [
        (
            when(_at(one["at"])),
            one["target"],
            one["deployment"],
            one["stage"],
            joined([one["by"] or NOTHING, " ", badge("bad", "own deployment") if one["own"] else None]),
            one["ran_by"],
            badge("good" if one["outcome"] == "success" else "bad", one["outcome"] or "unknown"),
            one["reason"],
        )
        for one in made["approvals"]
    ]
    names = ("Time", "Application", "Deployment", "At", "By", "Run by", "Result", "Reason")
    body = table("Approvals", names, rows) if rows else paragraph("No approval is recorded.")
    return section("Approvals", body, name="approvals")


def _overrides(made: Figures) -> Markup:
    rows = [
        (when(_at(one["at"])), one["kind"], one["what"], one["target"], one["deployment"], one["by"], one["reason"])
        for one in made["overrides"]
    ]
    names = ("Time", "Kind", "What", "Application", "Deployment", "By", "Reason")
    body = (
        table("What was let through", names, rows) if rows else paragraph("Nothing was overridden, forced or left out.")
    )
    return section("Overrides", body, name="overrides")


def _refusals(made: Figures) -> Markup:
    rows = [
        (
            when(_at(one["at"])),
            one["what"],
            one["target"],
            one["version"],
            one["by"],
            one["refused_by"],
            "; ".join(one["reasons"]),
        )
        for one in made["refusals"]
    ]
    names = ("Time", "What", "Application", "Version", "By", "Refused by", "Reasons")
    body = table("What was refused", names, rows) if rows else paragraph("Nothing was refused.")
    return section("Refusals", body, name="refusals")


def _acts(made: Figures) -> Markup:
    kills = [
        (when(_at(one["at"])), one["target"], one["by"], one["outcome"], one["reason"]) for one in made["kill_switches"]
    ]
    cut_off = [
        (
            when(_at(one["at"])),
            one["log"],
            one["seq"],
            f"{one['type']} {one['operation']}",
            one["target"],
            one["deployment"],
            one["by"],
        )
        for one in made["interrupted"]
    ]
    return section(
        "Kill switches and interrupted acts",
        table("Kill switches", ("Time", "Flag", "By", "Result", "Reason"), kills)
        if kills
        else paragraph("No flag was killed."),
        table(
            "Acts that were begun and have no outcome",
            ("Time", "Log", "Record", "Act", "Target", "Deployment", "By"),
            cut_off,
            numbers=("Record",),
        )
        if cut_off
        else paragraph("Every act that was begun has an outcome."),
        name="acts",
    )


def _deployments(made: Figures) -> Markup:
    unproven = set(made["unproven_deployments"])
    rows = [
        (
            when(_at(one["ended"])) if one["ended"] else "not ended",
            one["target"],
            one["verb"],
            one["version"],
            one["by"],
            one["change_request"],
            length(one["lead_ms"]) if one["lead_ms"] is not None else None,
            joined(
                [
                    badge(RESULTS.get(one["result"], "warn"), one["result"] or "not ended"),
                    " rolled back" if one["undone_by"] else None,
                    [" ", badge("warn", "unproven")] if one["deployment"] in unproven else None,
                ]
            ),
            code(one["deployment"]),
        )
        for one in made["list"]
    ]
    names = ("Ended", "Application", "Verb", "Version", "By", "Change", "Lead time", "How it ended", "Deployment")
    body = table("All deployments and rollbacks of the period", names, rows) if rows else paragraph("There was none.")
    return section("Deployments", body, name="deployments")


def _logs(made: Figures) -> Markup:
    rows = [
        (
            log["origin"],
            badge(KINDS[log["verdict"]], log["verdict"]),
            log["records"],
            log["in_period"],
            log["proven"],
            joined([code(f"{log['head']['seq']} {log['head']['hash']}")]),
            when(_at(log["first"])) if log["first"] else None,
            when(_at(log["last"])) if log["last"] else None,
        )
        for log in made["logs"]
    ]
    names = ("Log", "Verdict", "Records", "In the period", "Proven up to", "Head", "First", "Last")
    return section(
        "Audit logs",
        table("Logs that this report is made of", names, rows, numbers=("Records", "In the period", "Proven up to")),
        name="logs",
    )


def _percent(value: str | None) -> str:
    return NOTHING if value is None else f"{number(float(value))} %"


def _at(time: str) -> int:
    return moment(time)
