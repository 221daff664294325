# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a deployment, drawn from its figures. Touches nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import charts
from .audit_part import audit_part
from .deployment import SLOTS
from .markup import Child, Markup, joined
from .page import NOTHING, badge, code, facts, listed, notice, page, paragraph, section, table, tiles
from .words import counted, enumerated, length, moment, number, when

KINDS = {"pass": "good", "fail": "bad", "insufficient": "warn"}
RESULTS = {"active": "good", "failed": "bad", "aborted": "bad", "returned": "bad"}
ITEMS = {"pass": "good", "warn": "warn", "fail": "bad"}
MOST_ROWS = 400
Figures = Mapping[str, Any]


def rendered(made: Figures) -> str:
    """The page."""
    title = f"{made['app']} {made['to']['version']}"
    parts = (
        _notices(made),
        _tiles(made),
        _what(made),
        _percents(made),
        _traffic(made),
        _moves(made),
        _gates(made),
        _migrations(made),
        _approvals(made),
        _checklist(made),
        _undone(made),
        _timeline(made),
        audit_part(made),
    )
    return page(f"Deployment of {title}", "Deployment report", _lead(made), parts, _foot(made))


def _lead(made: Figures) -> Markup:
    region = f" in {made['region']}" if made["region"] else ""
    return paragraph(
        badge(RESULTS.get(made["result"], "warn"), made["result"] or "not ended"),
        f" {made['verb']}{region}, {when(_at(made['began']))} to {when(_at(made['finished']))} UTC",
    )


def _foot(made: Figures) -> Markup:
    return paragraph(
        "Made from the evidence of the deployment ",
        code(made["deployment"]),
        " in the ledger ",
        code(made["ledger"] or "unknown"),
        ". All times are UTC. This file has no scripts and asks no other computer for anything.",
    )


def _notices(made: Figures) -> Markup:
    found = []
    if made["result"] not in ("active", ""):
        found.append(
            notice(
                "bad",
                f"The deployment ended as {made['result']}.",
                paragraph(made["reason"] or "No reason is recorded."),
            )
        )
    if made["compensation"]["by_hand"]:
        found.append(notice("warn", "Left to do by hand", listed(made["compensation"]["by_hand"])))
    if made["missing"]:
        gaps = [f"{gap['holder']}: {gap['what']} ({gap['after']} to {gap['until']})" for gap in made["missing"]]
        found.append(notice("warn", "The evidence is not whole", listed(gaps)))
    if made["left_off"]:
        text = f"Shortened or left off, because the evidence is bounded: {counted(made['left_off'], 'judgement')}."
        found.append(notice("warn", "The evidence was shortened", paragraph(text)))
    options = made["options"]
    if options["skip"] or options["force"]:
        what = [*(f"skipped: {name}" for name in options["skip"]), *(["forced"] if options["force"] else [])]
        found.append(
            notice(
                "warn",
                "Something was skipped or forced",
                listed(what),
                paragraph(f"Reason given: {options['reason'] or NOTHING}"),
            )
        )
    return joined(found)


def _tiles(made: Figures) -> Markup:
    requests, stages = made["requests"], made["stages"]
    passed = sum(stage["verdict"] == "pass" for stage in stages)
    lost = NOTHING if requests["lost"] is None else str(requests["lost"])
    sent = "not measured" if requests["sent"] is None else f"of {requests['sent']} measured while the traffic moved"
    rates = [
        (sample["slot"], sample["error_percent"]) for sample in made["traffic"] if sample["error_percent"] is not None
    ]
    last = dict(rates)
    errors = " / ".join(f"{number(float(last[slot]))} %" if slot in last else NOTHING for slot in _slots(made))
    return tiles(
        [
            ("Time taken", length(made["elapsed_ms"]), made["rollout"]),
            ("Requests lost", lost, sent),
            ("Judgements passed", f"{passed} of {len(stages)}", None),
            (
                "Error rate, last sample",
                errors,
                f"{made['slot']} / {made['stable_slot']}" if last else "not measured by slot",
            ),
        ]
    )


def _what(made: Figures) -> Markup:
    before = made["from"]
    return section(
        "What was deployed",
        facts(
            [
                ("Application", made["app"]),
                ("Version", made["to"]["version"]),
                ("Revision", code(made["to"]["revision"])),
                ("Commit", code(made["commit"]) if made["commit"] else "not known"),
                ("SHA-256 of the artifact", code(made["sha256"]) if made["sha256"] else "not known"),
                ("Before", f"{before['version']} ({before['revision']})" if before else "nothing"),
                ("Slot", f"{made['slot']}; {made['stable_slot']} had the traffic"),
                ("Run by", enumerated(sorted({str(run["holder"]) for run in made["runs"]})) or NOTHING),
                ("Digest of the plan", code(made["digest"]) if made["digest"] else NOTHING),
            ]
        ),
        name="what",
    )


def _percents(made: Figures) -> Markup:
    points = made["percents"]
    drawn: list[Child] = []
    for place, balancer in enumerate(_in_order(point["balancer"] for point in points)):
        own = [point for point in points if point["balancer"] == balancer]
        series = [
            charts.Series(f"slot {slot}", slot, _course(own, slot))
            for slot in _slots(made)
            if slot in own[0]["percents"]
        ]
        steps = ", ".join(str(point["percents"].get(made["slot"], "?")) for point in own)
        drawn.append(
            charts.lines(
                f"percents-{place}",
                f"Slot percents at {balancer}",
                f"The share of slot {made['slot']} in the traffic of {balancer} went through {steps} percent.",
                series,
                unit=" %",
                top=100,
                step=True,
                until=_at(made["finished"]),
            )
        )
    if any(point["time"] is None for point in points):
        drawn.append(
            paragraph(
                "A hollow point is a change that nobody has recorded; it stands at the next one that was.",
                class_="quiet",
            )
        )
    rows = [
        (
            when(_at(point["time"])) if point["time"] else "not recorded",
            point["balancer"],
            point["stage"],
            *(point["percents"].get(slot) for slot in _slots(made)),
        )
        for point in points
    ]
    names = ("Time", "Balancer", "Stage", *(f"{slot} %" for slot in _slots(made)))
    drawn.append(
        table("Slot percents over time", names, rows, numbers=names[3:])
        if rows
        else paragraph("No balancer changed its percents.")
    )
    return section("Slot percents", drawn, name="percents")


def _course(points: Sequence[Mapping[str, Any]], slot: str) -> list[charts.Point]:
    """The points, those without a time at the next one that has one."""
    found: list[charts.Point] = []
    following = next((_at(point["time"]) for point in reversed(points) if point["time"]), 0)
    for point in reversed(points):
        following = _at(point["time"]) if point["time"] else following
        found.append(charts.Point(following, point["percents"].get(slot, 0), exact=bool(point["time"])))
    return found[::-1]


def _traffic(made: Figures) -> Markup:
    """Charts of both, and one table, since both were read at the same time."""
    samples = made["traffic"]
    if not samples:
        said = "Nothing was measured by slot: no metric of this deployment counts the requests of each slot."
        return section(
            "Error rate and latency of both slots", paragraph(said), _profile(made["profile"]), name="traffic"
        )
    metrics = _in_order(one["metric"] for one in samples)
    names: tuple[str, ...] = (
        "Time",
        "Balancer",
        "Slot",
        "Metric",
        "Requests",
        "Errors",
        "Error %",
        "p50 ms",
        "p95 ms",
        "p99 ms",
    )
    rows = [
        (
            when(_at(one["time"])),
            one["balancer"],
            one["slot"],
            one["metric"],
            one["requests"],
            one["errors"],
            _decimal(one["error_percent"]),
            *(_decimal(one["latency_ms"].get(name)) for name in ("p50", "p95", "p99")),
        )
        for one in samples[:MOST_ROWS]
    ]
    if len(metrics) == 1:
        names, rows = names[:3] + names[4:], [row[:3] + row[4:] for row in rows]
    of = f", as the metric {metrics[0]} has counted them" if len(metrics) == 1 else ""
    left = f"The first {MOST_ROWS} of {len(samples)} rows; the JSON file has all."
    return section(
        "Error rate and latency of both slots",
        _by_balancer(samples, _slots(made), "errors", "Error rate", lambda one: one["error_percent"], " %"),
        _by_quantile(samples, _slots(made)),
        table(f"Users' requests by slot; errors are answers of 500 and more{of}", names, rows, numbers=names[-6:]),
        paragraph(left, class_="quiet") if len(samples) > MOST_ROWS else None,
        _profile(made["profile"]),
        name="traffic",
    )


def _by_quantile(samples: Sequence[Mapping[str, Any]], slots: Sequence[str]) -> list[Child]:
    """Charts of p95, or of the mean where a balancer knows no other."""
    for name in ("p95", "mean"):
        drawn = _by_balancer(samples, slots, "latency", f"Latency, {name}", _quantile(name), " ms")
        if drawn:
            return drawn
    return []


def _quantile(name: str) -> Callable[[Mapping[str, Any]], str | None]:
    return lambda one: one["latency_ms"].get(name)


def _by_balancer(
    samples: Sequence[Mapping[str, Any]],
    slots: Sequence[str],
    name: str,
    title: str,
    figure: Callable[[Mapping[str, Any]], str | None],
    unit: str,
) -> list[Child]:
    """A chart for each balancer, of the metric that has the most samples there; the others saw the same requests."""
    drawn: list[Child] = []
    found = [one for one in samples if figure(one) is not None]
    for place, balancer in enumerate(_in_order(one["balancer"] for one in found)):
        own = [one for one in found if one["balancer"] == balancer]
        chosen = Counter(one["metric"] for one in own).most_common(1)[0][0]
        series = []
        for slot in slots:
            points = [
                charts.Point(_at(one["time"]), float(figure(one) or 0))
                for one in own
                if (one["metric"], one["slot"]) == (chosen, slot)
            ]
            if points:
                series.append(charts.Series(f"slot {slot}", slot, sorted(points, key=lambda point: point.at)))
        highest = [f"{one.name} at most {number(max(point.value for point in one.points))}{unit}" for one in series]
        described = f"{title} over time: {'; '.join(highest)}."
        drawn.append(charts.lines(f"{name}-{place}", f"{title} at {balancer}", described, series, unit=unit, top=1))
    return drawn


def _profile(profile: Mapping[str, Any] | None) -> Markup | None:
    if not profile or not profile.get("latency_us"):
        return None
    before = profile.get("before") or {}
    rows = [
        (
            name,
            _milliseconds(profile["latency_us"].get(name)),
            _milliseconds((before.get("latency_us") or {}).get(name)),
            (profile.get("ratios") or {}).get(name),
        )
        for name in ("p50", "p95", "p99")
    ]
    caption = f"Performance profile at a fixed rate; before: {before.get('version', 'none')}"
    return joined(
        [
            table(
                caption,
                ("Quantile", "Now, ms", "Before, ms", "Ratio"),
                rows,
                numbers=("Now, ms", "Before, ms", "Ratio"),
            ),
            paragraph(
                badge(KINDS.get(profile.get("verdict", ""), "plain"), profile.get("verdict", "")),
                f" {profile.get('reason', '')}",
            ),
        ]
    )


def _moves(made: Figures) -> Markup:
    rows = [
        (
            when(_at(move["time"])),
            move["balancer"],
            move["stage"],
            move["sent"],
            move["lost"],
            _milliseconds(move["latency_us"].get("p50")),
            _milliseconds(move["latency_us"].get("p99")),
            _verdict(move["verdict"]),
        )
        for move in made["moves"]
    ]
    names = ("Time", "Balancer", "Stage", "Sent", "Lost", "p50 ms", "p99 ms", "Verdict")
    shown = (
        table("Requests of the traffic meter around each move", names, rows, numbers=names[3:7])
        if rows
        else paragraph("No move was measured.")
    )
    return section("Requests while the traffic moved", shown, name="moves")


def _gates(made: Figures) -> Markup:
    stages = made["stages"]
    if not stages:
        return section("Gates", paragraph("Nothing was judged."), name="gates")
    bars = [
        charts.Bar(
            stage["stage"],
            _at(stage["time"]) - stage["took_ms"],
            _at(stage["time"]),
            KINDS.get(stage["verdict"], "plain"),
            f"{stage['verdict']}, {length(stage['took_ms'])}",
        )
        for stage in stages
    ]
    longest = max(stages, key=lambda stage: stage["took_ms"])
    chart = charts.course(
        "gates-course",
        "What was judged, and how long it took",
        f"{counted(len(stages), 'judgement')}; the longest was {longest['stage']} with {length(longest['took_ms'])}.",
        bars,
    )
    rows = [
        (
            when(_at(stage["time"])),
            stage["stage"],
            _verdict(stage["verdict"]),
            length(stage["took_ms"]),
            enumerated(stage["hosts"]),
            stage["message"],
        )
        for stage in stages
    ]
    checks = [
        (
            one["stage"],
            one["from"],
            one["name"],
            _verdict(one["verdict"]),
            one["attempts_made"],
            one["p95_ms"],
            one["reason"],
        )
        for one in made["checks"]
    ]
    metrics = [
        (
            one["stage"],
            one["from"],
            one["name"],
            one["condition"],
            _verdict(one["verdict"]),
            one["measurements"],
            one["reason"],
        )
        for one in made["metrics"]
    ]
    return section(
        "Gates",
        chart,
        table("Judgements", ("Time", "Stage", "Verdict", "Took", "Hosts", "Message"), rows),
        table(
            "Checks",
            ("Stage", "From", "Check", "Verdict", "Attempts", "p95 ms", "Reason"),
            checks,
            numbers=("Attempts", "p95 ms"),
        )
        if checks
        else None,
        table(
            "Metrics",
            ("Stage", "From", "Metric", "Condition", "Verdict", "Samples", "Reason"),
            metrics,
            numbers=("Samples",),
        )
        if metrics
        else None,
        name="gates",
    )


def _migrations(made: Figures) -> Markup:
    found = made["migrations"]
    if not found["files"]:
        return section("Migrations", paragraph("No migration was due."), name="migrations")
    rows = [
        (one.get("schema"), one.get("version"), one.get("name"), one.get("phase"), code(str(one.get("checksum") or "")))
        for one in found["files"]
    ]
    said = paragraph(
        "The stage that applies them: ",
        _verdict(found["verdict"]) if found["verdict"] else "not judged",
        f". The lint had {counted(int(found['findings'] or 0), 'finding')}.",
    )
    return section(
        "Migrations",
        said,
        table("Migrations that were due", ("Schema", "Version", "Name", "Phase", "Checksum"), rows),
        name="migrations",
    )


def _approvals(made: Figures) -> Markup:
    found = made["approvals"]
    asked = paragraph(
        f"Asked for at: {enumerated(found['asked'])}." if found["asked"] else "The plan asked for no approval."
    )
    rows = [(when(_at(one["time"])), one["stage"], one["by"], one["reason"]) for one in found["given"]]
    given = table("Approvals given", ("Time", "At", "By", "Reason"), rows) if rows else paragraph("None was given.")
    return section("Approvals", asked, given, name="approvals")


def _checklist(made: Figures) -> Markup | None:
    found = made["checklist"]
    if not found:
        return None
    entries = found["entries"]
    rows = [
        (
            entry["name"],
            badge(ITEMS.get(entry["verdict"], "plain"), entry["verdict"]),
            "; ".join(f"{one['place']}: {one['what']}" for one in entry["findings"]) or entry["reason"],
            "; ".join(dict.fromkeys(one["remedy"] for one in entry["findings"])),
        )
        for entry in entries
    ]
    passed = sum(entry["verdict"] == "pass" for entry in entries)
    return section(
        "Checklist after the deployment",
        paragraph(
            badge(ITEMS.get(found["verdict"], "plain"), found["verdict"]),
            f" {passed} of {counted(len(entries), 'item')} passed, {found['at'].replace('T', ' ')}",
        ),
        table("Items", ("Item", "Verdict", "Found", "Remedy"), rows),
        name="checklist",
    )


def _undone(made: Figures) -> Markup | None:
    told = made["compensation"]
    if not told["needed"]:
        return None
    unknown = None if told["known"] else paragraph("The controller did not say what was undone.")
    return section(
        "What was undone",
        unknown,
        listed(told["done"]) if told["done"] else paragraph("Nothing had to be undone."),
        name="undone",
    )


def _timeline(made: Figures) -> Markup:
    rows = [
        (
            when(_at(line["time"])),
            line["action"],
            line.get("stage"),
            line.get("result"),
            line.get("holder"),
            line["token"],
            line.get("reason"),
        )
        for line in made["timeline"]
    ]
    names = ("Time", "Action", "Stage", "Result", "By", "Token", "Reason")
    return section("Records in the ledger", table("Records", names, rows, numbers=("Token",)), name="timeline")


def _verdict(word: str | None) -> Markup | None:
    return badge(KINDS.get(word, "plain"), word) if word else None


def _slots(made: Figures) -> tuple[str, ...]:
    """Both slots, that which was deployed first."""
    return (made["slot"], *(slot for slot in SLOTS if slot != made["slot"]))


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _at(time: str | None) -> int:
    return moment(time) if time else 0


def _decimal(value: str | None) -> str | None:
    return None if value is None else number(float(value))


def _milliseconds(micro: int | None) -> str | None:
    return None if micro is None else f"{micro / 1000:.1f}"
