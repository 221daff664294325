# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source: what HAProxy has counted, as the difference of two readings of its statistics.

Asks the admin socket, and the master socket for workers that a reload has replaced and that still serve; touches
nothing. Every worker counts for itself from zero, so each is compared with its own earlier reading.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._balancer.haproxy import MASTER_SOCKET
from .._balancer.haproxy_files import backend_name
from .._balancer.haproxy_socket import Worker, WorkerGone, ask, parse_processes
from .._gate.options import Options
from .model import Capabilities, Counted, CountingSource, Moment, Reading, SourceError
from .sides import RESULT, Sides
from .traffic import CLASSES, figures, reading

SOCKET = "/run/haproxy/slipway.sock"
SLOTS = ("blue", "green")
WHOLE = "BACKEND"
COUNTERS = {
    **{f"hrsp_{name}": name for name in CLASSES},
    "econ": "connection_errors",
    "eresp": "response_errors",
    "wretr": "retries",
    "wredis": "redispatches",
    "cli_abrt": "client_aborts",
    "srv_abrt": "server_aborts",
}
FAULTS = [name for name in COUNTERS.values() if name not in CLASSES]

Row = tuple[str, str]
Counts = dict[Row, Counter[str]]


@dataclass(frozen=True)
class WorkerReading:
    """What one worker has counted since it started.

    :param uptime: seconds since then.
    :param counters: of each backend and of each of its servers.
    :param response_ms: HAProxy's average over the last 1024 answers of each server.
    """

    uptime: int
    counters: Mapping[Row, Counter[str]]
    response_ms: Mapping[Row, int]

    def since(self, before: WorkerReading | None, row: Row) -> Counter[str]:
        """What was counted since an earlier reading of the same worker; counters that were cleared begin at zero."""
        now = self.counters[row]
        if before is None or before.uptime > self.uptime or row not in before.counters:
            return now
        then = before.counters[row]
        cleared = any(now[name] < count for name, count in then.items())
        return now if cleared else Counter({name: count - then[name] for name, count in now.items()})

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"uptime": self.uptime, "rows": _write_rows(self.counters)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> WorkerReading:
        """The reverse of ``to_dict``."""
        return cls(int(content["uptime"]), _read_rows(content["rows"]), {})


@dataclass
class Totals:
    """What was counted since the start.

    :param rows: of each backend and of each of its servers.
    :param history: for a window, when it was read and what was counted until then, oldest first; seconds since 1970.
    """

    rows: Counts = field(default_factory=dict)
    history: list[tuple[float, Counts]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        history = [[int(wall * 1000), _write_rows(rows)] for wall, rows in self.history]
        return {"rows": _write_rows(self.rows), "history": history}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Totals:
        """The reverse of ``to_dict``."""
        history = [(wall_ms / 1000, _read_rows(rows)) for wall_ms, rows in content["history"]]
        return cls(_read_rows(content["rows"]), history)


class HAProxyStatistics(CountingSource):
    """The figures of the slots of one application at this host's HAProxy.

    :param window: seconds that a measurement covers; 0 for all since the start.
    :param least: fewer requests than these are no data.
    :param before: the last readings of an earlier analysis, and what it has counted.
    """

    capabilities = Capabilities(differences=True, resumable=True)

    def __init__(
        self,
        app: str,
        sides: Sides,
        *,
        socket: str = SOCKET,
        master_socket: str = MASTER_SOCKET,
        window: int = 0,
        least: int = 1,
        before: tuple[Mapping[int, WorkerReading], Totals] | None = None,
    ) -> None:
        self.app = app
        self.sides = sides
        self.socket = socket
        self.master_socket = master_socket
        self.window = window
        self.least = least
        self._workers = dict(before[0]) if before else {}
        self._totals = before[1] if before else Totals()
        self._resumed = before is not None

    @classmethod
    def from_options(cls, options: Options, sides: Sides) -> HAProxyStatistics:
        """Read ``app``, ``socket``, ``master_socket``, ``window``, ``least_requests`` and ``position``."""
        for slot in sides.slots.values():
            if slot not in SLOTS:
                raise options.refuse("slots", f"has the unknown slot '{slot}'", "name blue and green")
        return cls(
            options.text("app"),
            sides,
            socket=options.text("socket", SOCKET),
            master_socket=options.text("master_socket", MASTER_SOCKET),
            window=options.number("window", 0, 0, 86400),
            least=options.number("least_requests", 1, 1, 10**9),
            before=_position_of(options),
        )

    def target(self) -> str:
        return f"{self.socket}: backends of {self.app}"

    def resumed(self) -> bool:
        return self._resumed

    def begin(self, moment: Moment) -> None:
        self._workers = self._asked(moment)
        self._totals = Totals(history=[(moment.wall, {})])

    def measure(self, moment: Moment) -> Reading:
        now, recent, note = self._counted(moment)
        covered = self._in_window(moment.wall)
        means = _means(now, recent)
        sides = {side: self._side(slots, covered, means) for side, slots in self._slots().items()}
        return reading(sides, self.least, note)

    def taken(self, moment: Moment) -> tuple[dict[str, Counted], str]:
        note = self._counted(moment)[2]
        rows, self._totals.rows = self._totals.rows, {}
        whole = {
            side: rows.get((backend_name(self.app, slot), WHOLE), Counter()) for side, slot in self.sides.slots.items()
        }
        return {side: Counted(_answers(counted), counted["5xx"]) for side, counted in whole.items()}, note

    def _counted(self, moment: Moment) -> tuple[dict[int, WorkerReading], dict[tuple[int, Row], int], str]:
        """The readings of now, how many answers each row has since the last one, and what is to be said about it."""
        now = self._asked(moment)
        gone = sorted(set(self._workers) - set(now))
        recent: dict[tuple[int, Row], int] = {}
        for process, found in now.items():
            for row in found.counters:
                counted = found.since(self._workers.get(process), row)
                self._totals.rows[row] = self._totals.rows.get(row, Counter()) + counted
                recent[process, row] = _answers(counted)
        self._workers = now
        note = f"a worker that a reload replaced has ended, its last requests are not counted: {gone}" if gone else ""
        return now, recent, note

    def position(self) -> dict[str, Any]:
        workers = {str(process): found.to_dict() for process, found in self._workers.items()}
        return {"workers": workers, "totals": self._totals.to_dict()}

    def _slots(self) -> dict[str, tuple[str, ...]]:
        if not self.sides.slots:
            return {RESULT: SLOTS}
        return {side: (slot,) for side, slot in self.sides.slots.items()}

    def _in_window(self, wall: float) -> Counts:
        """What was counted since the reading that is nearest to the start of the window, or since the first."""
        rows, history = self._totals.rows, self._totals.history
        if not self.window:
            return dict(rows)
        start = wall - self.window
        nearest = min(range(len(history)), key=lambda at: abs(history[at][0] - start), default=0)
        then: Mapping[Row, Counter[str]] = history[nearest][1] if history else {}
        self._totals.history = [*history[nearest:], (wall, dict(rows))]
        return {row: count - then.get(row, Counter()) for row, count in rows.items()}

    def _side(
        self, slots: tuple[str, ...], counted: Mapping[Row, Counter[str]], means: Mapping[Row, tuple[int, float]]
    ) -> dict[str, Any]:
        backends = [backend_name(self.app, slot) for slot in slots]
        rows = [row for row in counted if row[0] in backends]
        whole = sum((counted[row] for row in rows if row[1] == WHOLE), Counter[str]())
        servers = {row[1]: _figures(counted[row]) for row in rows if row[1] != WHOLE}
        weighed = [means[row] for row in rows if row in means]
        weight = sum(count for count, _mean in weighed)
        mean = round(sum(count * mean for count, mean in weighed) / weight, 3) if weight else None
        return {**_figures(whole), "latency_ms": {"mean": mean}, "servers": servers}

    def _asked(self, moment: Moment) -> dict[int, WorkerReading]:
        backends = {backend_name(self.app, slot) for slot in SLOTS}
        asked = [Worker(self.socket)]
        if Path(self.master_socket).exists():
            processes = parse_processes(ask(self.master_socket, ["show proc"], moment.timeout)[0])
            asked += [Worker(self.master_socket, f"@!{process} ") for process in processes.old_workers]
        found: dict[int, WorkerReading] = {}
        for worker in asked:
            with suppress(WorkerGone):
                info, statistics = worker.ask(["show info", "show stat"])
                process, read = parse_reading(info, statistics, backends)
                found[process] = read
        if not any(read.counters for read in found.values()):
            remedy = "correct app, or run site.yml, which installs it"
            raise SourceError(f"HAProxy has no backends of {self.app}", where=self.socket, remedy=remedy)
        return found


def parse_reading(info: str, statistics: str, backends: set[str]) -> tuple[int, WorkerReading]:
    """Process id and reading of a worker, from its answers to ``show info`` and ``show stat``.

    :raises SourceError: they are none.
    """
    facts = {name: value.strip() for name, _colon, value in (line.partition(":") for line in info.splitlines())}
    counters: dict[Row, Counter[str]] = {}
    response_ms: dict[Row, int] = {}
    try:
        for line in csv.DictReader(statistics.removeprefix("# ").splitlines()):
            if line["pxname"] in backends:
                row = (line["pxname"], line["svname"])
                counters[row] = Counter({ours: int(line[theirs] or 0) for theirs, ours in COUNTERS.items()})
                if row[1] != WHOLE:
                    response_ms[row] = int(line["rtime"] or 0)
        return int(facts["Pid"]), WorkerReading(int(facts["Uptime_sec"]), counters, response_ms)
    except (KeyError, ValueError, TypeError) as exc:
        raise SourceError(
            f"HAProxy's statistics cannot be read: {exc}", where="show stat", remedy="see which HAProxy this is"
        ) from exc


def _answers(counted: Mapping[str, int]) -> int:
    return sum(counted.get(name, 0) for name in CLASSES)


def _figures(counted: Mapping[str, int]) -> dict[str, Any]:
    statuses = {name: counted.get(name, 0) for name in CLASSES}
    return {**figures(statuses), **{name: counted.get(name, 0) for name in FAULTS}}


def _means(now: Mapping[int, WorkerReading], recent: Mapping[tuple[int, Row], int]) -> dict[Row, tuple[int, float]]:
    """Of each server, its recent requests and the mean of its response times over all workers."""
    found: dict[Row, tuple[int, float]] = {}
    for process, read in now.items():
        for row, mean in read.response_ms.items():
            count, before = recent[process, row], found.get(row, (0, 0.0))
            total = count + before[0]
            if total:
                found[row] = (total, (count * mean + before[0] * before[1]) / total)
    return found


def _write_rows(counters: Mapping[Row, Counter[str]]) -> list[Any]:
    return [[*row, {name: count for name, count in found.items() if count}] for row, found in counters.items()]


def _read_rows(content: Sequence[Any]) -> Counts:
    return {
        (str(proxy), str(server)): Counter({str(name): int(count) for name, count in found.items()})
        for proxy, server, found in content
    }


def _position_of(options: Options) -> tuple[dict[int, WorkerReading], Totals] | None:
    """Read ``position``; one without workers is of an analysis that had not begun to read."""
    given = options.mapping("position")
    if not given:
        return None
    try:
        workers = {int(process): WorkerReading.from_dict(content) for process, content in given["workers"].items()}
        totals = Totals.from_dict(given["totals"])
        return (workers, totals) if workers else None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as exc:
        raise options.refuse("position", "is none of this source", "give what an earlier analysis returned") from exc
