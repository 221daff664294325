# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves from consumers' records whether two of them ever ran at once: ``python3 -m sample.overlaps FILE…``.

Reads the files that ``shop.consumer`` writes; touches nothing. Exit code 1 when two ran at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One process' time of consuming; a killed one ends with its last record."""

    component: str
    version: str
    slot: str
    host: str
    pid: int
    begin_us: int
    end_us: int
    stopped: bool

    def __str__(self) -> str:
        return f"{self.component} {self.version} ({self.slot}, {self.host}, process {self.pid})"


def runs(lines: Iterable[str]) -> list[Run]:
    """The runs that the records tell of, by time of start."""
    found: dict[tuple[str, int, int], Run] = {}
    current: dict[tuple[str, int], tuple[str, int, int]] = {}
    for line in lines:
        record = json.loads(line)
        process = (record["host"], record["pid"])
        if record["event"] == "start":
            current[process] = (*process, record["at_us"])
            begin = record["at_us"]
        else:
            begin = found[current[process]].begin_us
        found[current[process]] = Run(
            record["component"], record["version"], record["slot"], *process, begin, record["at_us"],
            record["event"] == "stop",
        )  # fmt: skip
    return sorted(found.values(), key=lambda run: run.begin_us)


def overlaps(every: Sequence[Run], *, anywhere: bool = False) -> list[tuple[Run, Run]]:
    """Pairs of runs of one component that were consuming at once.

    :param anywhere: also compare runs of different hosts, as for a singleton.
    """
    return [
        (one, other)
        for at, one in enumerate(every)
        for other in every[at + 1 :]
        if one.component == other.component
        and (anywhere or one.host == other.host)
        and other.begin_us < one.end_us
    ]  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """The command line; ``--anywhere`` first compares hosts with each other too."""
    anywhere = "--anywhere" in arguments
    paths = [Path(argument) for argument in arguments if argument != "--anywhere"]
    every = runs(line for path in paths for line in path.read_text(encoding="utf-8").splitlines())
    found = overlaps(sorted(every, key=lambda run: run.begin_us), anywhere=anywhere)
    for one, other in found:
        print(f"{one} and {other}")
    print(f"{len(every)} runs, {len(found)} at once")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
