# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a deployment a write is: which task makes it. Reads what runs print; touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lab.writes import Write

TASK = re.compile(r"^TASK \[(?:[\w.]+ : )?(.+)\] \*+$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Position:
    """A write of a run.

    :ivar write: numbered among those of the same file in the same task of the run.
    """

    task: str
    write: Write

    def __str__(self) -> str:
        return f"{self.write} in {self.task}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The opposite of ``str``."""
        write, _in, task = text.partition(" in ")
        return cls(task, Write.parse(write))

    @property
    def recorded(self) -> bool:
        """Whether the file is the ledger's, or the journal of a host."""
        return self.write.file.startswith("ledger/") or self.write.file.endswith("journal.jsonl")

    @property
    def place(self) -> tuple[str, str, str]:
        """Task, machine and file."""
        return self.task, self.write.host, self.write.file


@dataclass(frozen=True)
class Seen:
    """A write that a run is about to make.

    :ivar when_us: microseconds of CLOCK_BOOTTIME.
    :ivar write: numbered among those of the same file since the watch began.
    :ivar position: in its run; none for the write of a module that an earlier run has left behind.
    :ivar count: how many writes the run has come to.
    :ivar exact: no run before has made a write at the same place, so that the number is the one that the write has in a
        run which nobody disturbs.
    """

    when_us: int
    write: Write
    position: Position | None = None
    count: int = 0
    exact: bool = False


def task_under_way(log: Path) -> str:
    """The task that a run has begun last; empty before the first."""
    found = TASK.findall(log.read_text(encoding="utf-8", errors="replace"))
    return str(found[-1]) if found else ""
