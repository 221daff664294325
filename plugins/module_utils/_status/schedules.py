# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last and the next run of each scheduled component on each host, from what the hosts know. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any


def schedules(live: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A scheduled component on a host: its last run in whichever slot, whether it works now, and the next run."""
    return [
        _merged(host, name, found)
        for host, info in live.items()
        for name, found in sorted(_by_name((info.get("release") or {}).get("slots") or {}).items())
    ]


def problems(made: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Last runs that have failed; one that works now is judged when it has ended."""
    for row in made:
        last = row["last"]
        if last and not row["working"] and last["result"] != "success":
            yield (
                f"the last run of {row['name']} on {row['host']} failed ({last['result']}): it began "
                f"{shown_time(last['began'])} in slot {last['slot']}"
            )


def rows(made: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The same as rows of a table."""
    return [
        (
            row["name"],
            row["host"],
            shown_time(row["last"]["began"]) if row["last"] else "not known",
            "runs now" if row["working"] else row["last"]["result"] if row["last"] else "-",
            shown_time(row["next"]) if row["next"] else "none",
        )
        for row in made
    ]


def _by_name(slots: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Scheduled component to what each slot knows of it; hosts that an older slipway has read say nothing."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for slot, held in slots.items():
        for name, item in (held.get("instances") or {}).items():
            if item.get("kind") == "scheduled" and "working" in item:
                found.setdefault(name, {})[slot] = item
    return found


def _merged(host: str, name: str, slots: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    runs = [{**item["last"], "slot": slot} for slot, item in slots.items() if item["last"]]
    return {
        "host": host,
        "name": name,
        "working": any(item["working"] for item in slots.values()),
        "last": max(runs, key=lambda run: int(run["began"]), default=None),
        "next": min((item["next"] for item in slots.values() if item["next"]), default=None),
    }


def shown_time(seconds: int) -> str:
    """A time in seconds since the epoch, for people."""
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
