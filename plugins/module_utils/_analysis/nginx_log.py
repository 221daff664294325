# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source: the access log that slipway's nginx writes, a JSON object a line, read on from where it ended.

Reads the log; touches nothing. Every request is counted, so quantiles are exact: nginx writes whole milliseconds, of
which there are few different ones, so how often each was seen is all that has to be kept, and that is what a later
analysis is given to go on with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._gate.options import Options
from .follow import Follower
from .model import Capabilities, Counted, CountingSource, Moment, Reading, SourceError
from .sides import RESULT, Sides
from .traffic import class_of, figures, quantiles, reading

LOG = "/var/log/nginx/slipway-{app}.json.log"


@dataclass(frozen=True)
class Request:
    """One line of the log; milliseconds, except ``time``.

    :param time: when it ended, in seconds since 1970.
    :param upstream_ms: how long instances took, all tries together; -1 when none was asked.
    """

    time: float
    slot: str
    status: int
    request_ms: float
    upstream_ms: float
    tries: int


@dataclass
class Tally:
    """What was counted of some requests: classes of status, and milliseconds by how often they were seen."""

    statuses: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    request_ms: Counter[float] = field(default_factory=Counter)
    upstream_ms: Counter[float] = field(default_factory=Counter)

    def add(self, request: Request) -> None:
        """One more."""
        self.statuses[class_of(request.status)] += 1
        self.retried += request.tries > 1
        self.request_ms[request.request_ms] += 1
        if request.upstream_ms >= 0:
            self.upstream_ms[request.upstream_ms] += 1

    def merge(self, other: Tally) -> None:
        """Those of another one too."""
        self.statuses.update(other.statuses)
        self.retried += other.retried
        self.request_ms.update(other.request_ms)
        self.upstream_ms.update(other.upstream_ms)

    def figures(self) -> dict[str, Any]:
        """Requests, errors, classes of status, and latencies."""
        return {
            **figures(self.statuses),
            "retried": self.retried,
            "latency_ms": quantiles(self.request_ms),
            "upstream_ms": quantiles(self.upstream_ms),
        }

    def to_list(self) -> list[Any]:
        """As JSON has it."""
        milliseconds = [sorted(counted.items()) for counted in (self.request_ms, self.upstream_ms)]
        return [dict(self.statuses), self.retried, *([list(item) for item in items] for items in milliseconds)]

    @classmethod
    def from_list(cls, content: Sequence[Any]) -> Tally:
        """The reverse of ``to_list``."""
        statuses, retried, request_ms, upstream_ms = content
        milliseconds = (Counter({float(ms): int(count) for ms, count in items}) for items in (request_ms, upstream_ms))
        return cls(Counter({str(name): int(count) for name, count in statuses.items()}), int(retried), *milliseconds)


class Samples:
    """The requests of one slot, in one tally, or with a window in one for each second.

    :param window: seconds that are kept; 0 for all.
    """

    def __init__(self, window: int, tallies: Mapping[int, Tally] | None = None) -> None:
        self.window = window
        self._tallies = dict(tallies or {})

    def add(self, request: Request) -> None:
        """One more."""
        second = int(request.time) if self.window else 0
        if second not in self._tallies:
            self._tallies[second] = Tally()
        self._tallies[second].add(request)

    def figures(self, wall: float) -> dict[str, Any]:
        """Those of the window before a time; what is older is forgotten."""
        if self.window:
            start = int(wall - self.window)
            self._tallies = {second: tally for second, tally in self._tallies.items() if second >= start}
        return self._whole().figures()

    def taken(self) -> Counted:
        """All of them, which are forgotten."""
        whole = self._whole()
        self._tallies = {}
        return Counted(sum(whole.statuses.values()), whole.statuses["5xx"], whole.request_ms)

    def to_list(self) -> list[Any]:
        """As JSON has it."""
        return [[second, tally.to_list()] for second, tally in self._tallies.items()]

    @classmethod
    def from_list(cls, window: int, content: Sequence[Any]) -> Samples:
        """The reverse of ``to_list``."""
        return cls(window, {int(second): Tally.from_list(tally) for second, tally in content})

    def _whole(self) -> Tally:
        whole = Tally()
        for tally in self._tallies.values():
            whole.merge(tally)
        return whole


class NginxLog(CountingSource):
    """The figures of the slots of one application at this host's nginx.

    :param window: seconds that a measurement covers, to the second; 0 for all since the start.
    :param least: fewer requests than these are no data.
    :param position: where an earlier analysis has stopped; empty for the end of the log.
    """

    capabilities = Capabilities(differences=True, resumable=True, latencies=True)

    def __init__(
        self, path: Path, sides: Sides, *, window: int = 0, least: int = 1, position: Mapping[str, Any] | None = None
    ) -> None:
        self.path = path
        self.sides = sides
        self.window = window
        self.least = least
        self._follower = Follower(path)
        counted = position["samples"] if position else {}
        slots = sides.slots.values() or [RESULT]
        self._samples = {slot: Samples.from_list(window, counted.get(slot, [])) for slot in slots}
        self._since = position["since_ms"] / 1000 if position else 0.0
        self._read_ms = position["read_ms"] if position else 0
        self._resume_at = list(position["files"]) if position else []

    @classmethod
    def from_options(cls, options: Options, sides: Sides) -> NginxLog:
        """Read ``app`` or ``log``, ``window``, ``least_requests`` and ``position``."""
        for slot in sides.slots.values():
            if slot not in ("blue", "green"):
                raise options.refuse("slots", f"has the unknown slot '{slot}'", "name blue and green")
        app = options.text("app", "" if options.given("log") else None)
        log = options.text("log", LOG.format(app=app))
        window = options.number("window", 0, 0, 86400)
        least = options.number("least_requests", 1, 1, 10**9)
        return cls(Path(log), sides, window=window, least=least, position=_position_of(options))

    def target(self) -> str:
        return str(self.path)

    def resumed(self) -> bool:
        return bool(self._resume_at)

    def begin(self, moment: Moment) -> None:
        self._follower.begin(moment.wall)
        self._since = moment.wall
        self._read_ms = int(moment.wall * 1000)

    def measure(self, moment: Moment) -> Reading:
        note = self._read(moment)
        return reading(self._sides(moment.wall), self.least, note)

    def taken(self, moment: Moment) -> tuple[dict[str, Counted], str]:
        note = self._read(moment)
        return {side: self._samples[slot].taken() for side, slot in self.sides.slots.items()}, note

    def _read(self, moment: Moment) -> str:
        """Take in what was appended; what is to be said about it."""
        notes = [self._resume()]
        lines = broken = 0
        for line in self._follower.lines(moment.wall):
            lines += 1
            broken += not self._took(line)
        self._read_ms = int(moment.wall * 1000)
        if broken and broken == lines:
            raise SourceError("no line is one of slipway's log", where=str(self.path), remedy="correct the path")
        if broken:
            notes.append(f"{broken} of {lines} lines cannot be read")
        return "; ".join(note for note in notes if note)

    def position(self) -> dict[str, Any]:
        since = int(self._since * 1000)
        samples = {slot: found.to_list() for slot, found in self._samples.items()}
        files = self._resume_at or self._follower.places()
        return {"files": files, "since_ms": since, "read_ms": self._read_ms, "samples": samples}

    def _resume(self) -> str:
        places, self._resume_at = self._resume_at, []
        if not places:
            return ""
        try:
            return self._follower.resume(places, self._read_ms / 1000)
        except OSError as exc:
            self._resume_at = places
            what = f"the log cannot be read: {exc.strerror or exc}"
            raise SourceError(what, where=str(self.path), remedy="correct the path, or become root") from exc

    def _took(self, line: bytes) -> bool:
        """Take in a line; ``False`` when it is none."""
        try:
            request = parse(line)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return False
        samples = self._samples.get(request.slot if self.sides.slots else RESULT)
        if samples is not None and request.time >= self._since:
            samples.add(request)
        return True

    def _sides(self, wall: float) -> dict[str, dict[str, Any]]:
        slots = self.sides.slots or {RESULT: RESULT}
        return {side: self._samples[slot].figures(wall) for side, slot in slots.items()}


def parse(line: bytes) -> Request:
    """One line of the log.

    :raises ValueError: or KeyError, TypeError, AttributeError, OverflowError: it is none.
    """
    content = json.loads(line)
    tries = [part for part in content["upstream_response_time"].replace(":", ",").split(",") if part.strip()]
    taken = [float(part) for part in tries if part.strip() != "-"]
    status = int(content["status"])
    if not 0 <= status <= 999:
        raise ValueError(f"{status} is no status")
    return Request(
        time=float(content["time"]),
        slot=content["slot"],
        status=status,
        request_ms=_ms(float(content["request_time"])),
        upstream_ms=_ms(sum(taken)) if taken else -1.0,
        tries=len(tries),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _position_of(options: Options) -> dict[str, Any] | None:
    """Read ``position``."""
    given = options.mapping("position")
    if not given:
        return None
    try:
        files = [
            {
                "inode": int(one["inode"]),
                "offset": int(one["offset"]),
                "head": {"bytes": int(one["head"]["bytes"]), "sha256": str(one["head"]["sha256"])},
            }
            for one in given["files"]
        ]
        samples = dict(given["samples"])
        for content in samples.values():
            Samples.from_list(0, content)
        found = {"since_ms": int(given["since_ms"]), "read_ms": int(given["read_ms"])}
        return {"files": files, "samples": samples, **found}
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise options.refuse("position", "is none of this source", "give what an earlier analysis returned") from exc
