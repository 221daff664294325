# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each request, kept in columns of about 30 bytes a request, and the summary made of them.

Touches a records file when told to write one. All times in summaries and records are whole microseconds since the
start of the run; the start itself is given on CLOCK_BOOTTIME and as Unix time.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

from .answers import OK, OUTCOMES, STATUS
from .connection import Exchange

CLASSES = ("keepalive", "new", "slow", "long")
KEEPALIVE, NEW, SLOW, LONG = range(len(CLASSES))
LOST = OUTCOMES[1:]
LATE = 0.1
MOST_CHANGES = 1000
_OUTCOME_INDEX = {outcome: index for index, outcome in enumerate(OUTCOMES)}
_ANSWERED = (OUTCOMES.index(OK), OUTCOMES.index(STATUS))
_LONGEST = 2**32 - 1

Identity = tuple[str, str, str]


class Recorder:
    """Collects outcomes.

    :param origin: start of the run on the loop's clock.
    """

    def __init__(self, origin: float) -> None:
        self._origin = origin
        self._kind = array("B")
        self._outcome = array("B")
        self._status = array("H")
        self._identity = array("H")
        self._reused = array("B")
        self._key = array("Q")
        self._intended = array("Q")
        self._waited = array("I")
        self._took = array("I")
        self._identities: dict[tuple[bytes, bytes, bytes], int] = {}
        self.scheduled = [0] * len(CLASSES)
        self.not_sent = [0] * len(CLASSES)
        self.unfinished = [0] * len(CLASSES)
        self.late = [0] * len(CLASSES)
        self.worst_lateness = [0.0] * len(CLASSES)
        self.opened = 0
        self.idle_closed = 0
        self.overflow = 0

    def refused_by_meter(self, exchange: Exchange) -> None:
        """A request was due, and this host could not send it."""
        self.scheduled[exchange.kind] += 1
        self.not_sent[exchange.kind] += 1

    def sent(self, exchange: Exchange) -> None:
        """A request went out; note when it was not on time."""
        self.scheduled[exchange.kind] += 1
        lateness = exchange.start - exchange.intended
        if lateness > self.worst_lateness[exchange.kind]:
            self.worst_lateness[exchange.kind] = lateness
        if lateness > LATE:
            self.late[exchange.kind] += 1

    def add(self, exchange: Exchange, outcome: str, end: float) -> None:
        """A request has its outcome."""
        answer = exchange.answer
        identity = (answer.version, answer.slot, answer.instance)
        self._kind.append(exchange.kind)
        self._outcome.append(_OUTCOME_INDEX[outcome])
        self._status.append(answer.status)
        self._identity.append(self._identities.setdefault(identity, len(self._identities)))
        self._reused.append(exchange.reused)
        self._key.append(exchange.key)
        self._intended.append(max(0, round((exchange.intended - self._origin) * 1e6)))
        self._waited.append(min(_LONGEST, max(0, round((exchange.start - exchange.intended) * 1e6))))
        self._took.append(min(_LONGEST, max(0, round((end - exchange.intended) * 1e6))))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each request, in the order of their ends."""
        identities = self._names()
        for at in range(len(self._kind)):
            version, slot, instance = identities[self._identity[at]]
            intended = self._intended[at]
            yield {
                "class": CLASSES[self._kind[at]],
                "intended_us": intended,
                "start_us": intended + self._waited[at],
                "end_us": intended + self._took[at],
                "outcome": OUTCOMES[self._outcome[at]],
                "status": self._status[at],
                "version": version,
                "slot": slot,
                "instance": instance,
                "key": f"{self._key[at]:08x}",
                "reused": bool(self._reused[at]),
            }

    def write(self, path: Path) -> None:
        """Write ``rows`` as JSON lines."""
        with path.open("w", encoding="utf-8") as file:
            for row in self.rows():
                file.write(json.dumps(row, separators=(",", ":")) + "\n")

    def summary(self) -> dict[str, Any]:
        """Counts and latencies, per class and in total, and who answered when."""
        return {
            "total": self._class_summary(range(len(CLASSES))),
            "classes": {name: self._class_summary((kind,)) for kind, name in enumerate(CLASSES)},
            "connections": {"opened": self.opened, "idle_closed": self.idle_closed, "overflow": self.overflow},
            "instances": self._instances(),
            **self._changes(),
            "seconds": self._seconds(),
        }

    def around(self, moment: float, spared: Container[str] = ()) -> dict[str, Any]:
        """Two counts: of the requests that had ended ``before`` a moment, and of those that ended ``since`` then.

        :param moment: on the loop's clock.
        :param spared: slots whose own answers are not lost since then, whatever they are.
        """
        at_us = (moment - self._origin) * 1e6
        slots = [slot for _version, slot, _instance in self._names()]
        sides: dict[str, list[int]] = {"before": [], "since": []}
        answered_elsewhere = 0
        for at, outcome in enumerate(self._outcome):
            met = self._intended[at] + self._took[at] >= at_us
            if met and OUTCOMES[outcome] == STATUS and slots[self._identity[at]] in spared:
                answered_elsewhere += 1
            else:
                sides["since" if met else "before"].append(at)
        counted = {side: self._counts(chosen) for side, chosen in sides.items()}
        counted["since"]["answered_elsewhere"] = answered_elsewhere
        return counted

    def _counts(self, chosen: Sequence[int]) -> dict[str, Any]:
        outcomes = Counter(self._outcome[at] for at in chosen)
        lost_by = {kind: outcomes[_OUTCOME_INDEX[kind]] for kind in LOST}
        late = sum(self._waited[at] > LATE * 1e6 for at in chosen)
        ok = outcomes[_OUTCOME_INDEX[OK]]
        return {"sent": len(chosen), "ok": ok, "lost": sum(lost_by.values()), "lost_by": lost_by, "late": late}

    def _names(self) -> list[Identity]:
        return [(v.decode("latin-1"), s.decode("latin-1"), i.decode("latin-1")) for v, s, i in self._identities]

    def _class_summary(self, kinds: Sequence[int]) -> dict[str, Any]:
        chosen = [at for at, kind in enumerate(self._kind) if kind in kinds]
        outcomes = Counter(self._outcome[at] for at in chosen)
        lost_by = {kind: outcomes[_OUTCOME_INDEX[kind]] for kind in LOST}
        unfinished = sum(self.unfinished[kind] for kind in kinds)
        return {
            "scheduled": sum(self.scheduled[kind] for kind in kinds),
            "sent": len(chosen) + unfinished,
            "ok": outcomes[_OUTCOME_INDEX[OK]],
            "lost": sum(lost_by.values()),
            "lost_by": lost_by,
            "lost_on_reused": sum(1 for at in chosen if self._reused[at] and self._outcome[at]),
            "unfinished": unfinished,
            "not_sent": sum(self.not_sent[kind] for kind in kinds),
            "late": sum(self.late[kind] for kind in kinds),
            "worst_lateness_us": round(max(self.worst_lateness[kind] for kind in kinds) * 1e6),
            "latency_us": _latencies([self._took[at] for at in chosen if not self._outcome[at]]),
            "statuses": _texts(Counter(self._status[at] for at in chosen if self._status[at])),
            "answered_by": self._answered_by(chosen),
        }

    def _answered_by(self, chosen: Sequence[int]) -> list[dict[str, Any]]:
        identities = self._names()
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for at in chosen:
            if self._outcome[at] not in _ANSWERED:
                continue
            version, slot, _rest = identities[self._identity[at]]
            start = self._intended[at] + self._waited[at]
            end = self._intended[at] + self._took[at]
            blank = {"answers": 0, "first_us": end, "last_us": end, "last_start_us": start}
            entry = found.setdefault((version, slot), {"version": version, "slot": slot, **blank})
            entry["answers"] += 1
            entry["first_us"] = min(entry["first_us"], end)
            entry["last_us"] = max(entry["last_us"], end)
            entry["last_start_us"] = max(entry["last_start_us"], start)
        return sorted(found.values(), key=lambda entry: int(entry["first_us"]))

    def _instances(self) -> dict[str, int]:
        identities = self._names()
        counted = Counter(self._identity[at] for at in range(len(self._kind)) if self._outcome[at] in _ANSWERED)
        by_name: Counter[str] = Counter()
        for identity, count in counted.items():
            by_name[identities[identity][2]] += count
        return dict(sorted(by_name.items()))

    def _changes(self) -> dict[str, Any]:
        """When the classes keepalive and new got another version or slot than just before."""
        identities = self._names()
        found = []
        count = 0
        last: tuple[str, str] | None = None
        for at in range(len(self._kind)):
            if self._kind[at] > NEW or self._outcome[at] not in _ANSWERED:
                continue
            version, slot, _rest = identities[self._identity[at]]
            if (version, slot) != last:
                last = (version, slot)
                count += 1
                if count <= MOST_CHANGES:
                    found.append({"at_us": self._intended[at] + self._took[at], "version": version, "slot": slot})
        return {"changes": found, "changes_left_off": max(0, count - MOST_CHANGES)}

    def _seconds(self) -> list[dict[str, Any]]:
        """Requests by the second they were meant for: ended, lost, and answered by whom."""
        identities = self._names()
        ended: Counter[int] = Counter()
        lost: Counter[int] = Counter()
        answered: dict[int, Counter[str]] = {}
        for at in range(len(self._kind)):
            second = self._intended[at] // 1_000_000
            ended[second] += 1
            lost[second] += self._outcome[at] != 0
            if self._outcome[at] in _ANSWERED:
                version, slot, _rest = identities[self._identity[at]]
                answered.setdefault(second, Counter())[f"{version} {slot}".strip()] += 1
        return [
            {"second": second, "ended": ended[second], "lost": lost[second],
             "answered_by": dict(sorted(answered.get(second, {}).items()))}
            for second in sorted(ended)
        ]  # fmt: skip


def _latencies(values: list[int]) -> dict[str, int]:
    """Nearest-rank percentiles of the ``ok`` requests, from intended start to end; empty when there were none."""
    if not values:
        return {}
    values.sort()
    ranks = {f"p{percent}": values[-(-percent * len(values) // 100) - 1] for percent in (50, 95, 99)}
    return {**ranks, "max": values[-1]}


def _texts(counts: Counter[int]) -> dict[str, int]:
    return {str(key): count for key, count in sorted(counts.items())}
