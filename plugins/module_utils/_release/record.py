# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of the slots of one host: ``slots.json``.

The slot link says which revision a slot holds; the record says whether it was placed to the end, what its units looked
like then, in which order revisions came, and which of them are proven.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .._common.files import read_state, write_state
from .revision import SLOTS

SCHEMA = 1


@dataclass(frozen=True)
class SlotRecord:
    """The record of one slot. ``status`` is ``empty``, ``placing``, ``placed`` or ``failed``."""

    revision: str | None = None
    status: str = "empty"
    units: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """The record of all slots; ``history`` and ``proven`` name revisions, the newest last."""

    slots: dict[str, SlotRecord] = field(default_factory=lambda: {slot: SlotRecord() for slot in SLOTS})
    history: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()

    def with_slot(self, slot: str, record: SlotRecord) -> Record:
        """This record with another one for ``slot``."""
        return replace(self, slots={**self.slots, slot: record})

    def with_history(self, revision: str) -> Record:
        """This record with ``revision`` as the newest."""
        return replace(self, history=(*(item for item in self.history if item != revision), revision))

    def with_proven(self, revision: str) -> Record:
        """This record with ``revision`` as the last proven."""
        return replace(self, proven=(*(item for item in self.proven if item != revision), revision))

    def without(self, revisions: set[str]) -> Record:
        """This record with ``revisions`` forgotten."""
        return replace(
            self,
            history=tuple(item for item in self.history if item not in revisions),
            proven=tuple(item for item in self.proven if item not in revisions),
        )


class RecordFile:
    """``slots.json`` in the state directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "slots.json"

    def read(self) -> Record:
        """The record; an empty one before the first placing."""
        content = read_state(self.path, SCHEMA)
        return _from_dict(content) if content else Record()

    def write(self, record: Record) -> None:
        """Replace the record."""
        slots = {
            slot: {"revision": item.revision, "status": item.status, "units": item.units}
            for slot, item in record.slots.items()
        }
        content = {"slots": slots, "history": list(record.history), "proven": list(record.proven)}
        write_state(self.path, SCHEMA, content)


def _from_dict(content: dict[str, Any]) -> Record:
    slots = {slot: SlotRecord(**content["slots"].get(slot, {})) for slot in SLOTS}
    return Record(slots, tuple(content["history"]), tuple(content["proven"]))
