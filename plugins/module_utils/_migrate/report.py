# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where schemas stand: what is applied, pending, failed and drifted, and how long the rest may take. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from statistics import median
from typing import Any

from .files import Migration, discover
from .history import APPLIED as ENDED
from .history import FAILED, OWN, RUNNING, UNDOING, Entry, History, Writer
from .options import Options
from .plan import standing
from .session import Session

APPLIED, PENDING, FAILURE, DRIFTED, MISSING, FUTURE = "applied", "pending", "failed", "drifted", "missing", "future"
STATES = (APPLIED, PENDING, FAILURE, DRIFTED, MISSING, FUTURE)


def report(options: Options) -> list[dict[str, Any]]:
    """One part per schema, in the order of the options.

    :raises SlipwayError: the files or the server cannot be read.
    """
    migrations = discover(options.path, gaps=options.gaps)
    with Session(options.access, "info") as session:
        histories = {schema: _history(session, options, schema) for schema in options.schemas}
        now = session.now()
    durations = [entry for known in histories.values() for entry in known.values()]
    return [schema_report(schema, migrations, known, durations, now) for schema, known in histories.items()]


def _history(session: Session, options: Options, schema: str) -> dict[str, Entry]:
    if options.access.role:
        session.order(f"SET ROLE {session.quoted(options.access.role)}")
    history = History(session, schema, options.table, Writer())
    return history.read() if history.exists() else {}


def schema_report(
    schema: str, migrations: list[Migration], known: Mapping[str, Entry], durations: list[Entry], now: datetime
) -> dict[str, Any]:
    """Where one schema stands.

    :param durations: what earlier migrations tell of how long others take.
    :param now: by the server's clock.
    """
    found = standing(migrations, known)
    states = {one.key: APPLIED for one in found.applied}
    states.update((one.key, DRIFTED) for one in found.drifted)
    rows = [_row(one, states.get(one.key, ""), known, durations, now) for one in migrations]
    rows += [_row_without_file(entry, MISSING, now) for entry in found.missing]
    rows += [_row_without_file(entry, FUTURE, now) for entry in found.future]
    open_ones = [row for row in rows if row["state"] in (PENDING, FAILURE)]
    expected = [row["expected_ms"] for row in open_ones]
    current, contracted = found.current(), found.contracted()
    return {
        "schema": schema,
        "version": str(current) if current else "",
        "contracted": str(contracted) if contracted else "",
        "token": max((entry.token for entry in known.values() if entry.token is not None), default=0),
        "counts": {state: sum(row["state"] == state for row in rows) for state in STATES},
        "expected_ms": None if None in expected else sum(expected),
        "migrations": rows,
    }


def _row(
    one: Migration, state: str, known: Mapping[str, Entry], durations: list[Entry], now: datetime
) -> dict[str, Any]:
    entry = known.get(one.key)
    if not state:
        state = FAILURE if entry and entry.state in (FAILED, RUNNING, UNDOING) else PENDING
    return {
        "version": str(one.version) if one.version else "",
        "name": one.name,
        "file": one.path.name,
        "phase": one.phase,
        "state": state,
        "stays": state in (APPLIED, DRIFTED) or entry is not None and entry.stays(),
        "origin": entry.origin if entry else "",
        "started": entry.started.isoformat(timespec="seconds") if entry else "",
        "age": entry.age(now) if entry and state in (APPLIED, DRIFTED) else None,
        "duration_ms": entry.duration if entry and state in (APPLIED, DRIFTED) else None,
        "expected_ms": expected(one.key, durations) if state in (PENDING, FAILURE) else None,
        "error": entry.error if entry and state == FAILURE else "",
    }


def _row_without_file(entry: Entry, state: str, now: datetime) -> dict[str, Any]:
    return {
        "version": "" if entry.key.startswith("R__") else entry.key,
        "name": entry.name,
        "file": entry.file,
        "phase": entry.phase,
        "state": state,
        "stays": True,
        "origin": entry.origin,
        "started": entry.started.isoformat(timespec="seconds"),
        "age": entry.age(now) if entry.state == ENDED else None,
        "duration_ms": entry.duration,
        "expected_ms": None,
        "error": "",
    }


def expected(key: str, entries: Iterable[Entry]) -> int | None:
    """Milliseconds that a migration may take: what it took in another schema or before its undo, else as the others.

    ``None`` when nothing has been applied yet.
    """
    measured = [entry for entry in entries if entry.duration is not None and entry.origin == OWN]
    same = [entry.duration for entry in measured if entry.key == key and entry.duration is not None]
    others = [entry.duration for entry in measured if entry.duration is not None]
    return max(same) if same else int(median(others)) if others else None


def table(parts: list[dict[str, Any]]) -> str:
    """The report as a table that is both Markdown and plain text."""
    heading = ("schema", "version", "name", "phase", "state", "took", "expected")
    rows = [
        (
            part["schema"],
            row["version"] or "repeatable",
            row["name"],
            row["phase"],
            row["state"],
            _seconds(row["duration_ms"]),
            _seconds(row["expected_ms"]),
        )
        for part in parts
        for row in part["migrations"]
    ]
    widths = [max(len(cell) for cell in column) for column in zip(heading, *rows)]
    lines = [heading, tuple("-" * width for width in widths), *rows]
    return "".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |\n" for line in lines)


def _seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.3f} s"


def metrics(parts: list[dict[str, Any]], database: str) -> str:
    """The report as metrics in Prometheus' text format."""
    lines = ["# HELP slipway_migrations Migrations by state.", "# TYPE slipway_migrations gauge"]
    for part in parts:
        for state, count in part["counts"].items():
            lines.append(f'slipway_migrations{{{_labels(database, part["schema"])},state="{state}"}} {count}')
    lines += [
        "# HELP slipway_migrations_expected_seconds Time that pending migrations may take.",
        "# TYPE slipway_migrations_expected_seconds gauge",
    ]
    for part in parts:
        if part["expected_ms"] is not None:
            seconds = part["expected_ms"] / 1000
            lines.append(f"slipway_migrations_expected_seconds{{{_labels(database, part['schema'])}}} {seconds:g}")
    return "".join(f"{line}\n" for line in lines)


def _labels(database: str, schema: str) -> str:
    return f'database="{_escaped(database)}",schema="{_escaped(schema)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
