# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was planned, and perhaps approved, binds what is applied. Reads the files that are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .._common.errors import StateError
from .files import Migration
from .text import examine

PLANNED: dict[str, Any] = {
    "schema": {"type": "str", "required": True},
    "version": {"type": "str", "default": ""},
    "name": {"type": "str", "default": ""},
    "phase": {"type": "str", "default": ""},
    "checksum": {"type": "str", "default": ""},
}


class Planned(NamedTuple):
    """A file as it was when it was planned.

    :param version: empty for a repeatable migration.
    """

    schema: str
    version: str
    name: str
    checksum: str


def planned(given: Sequence[Mapping[str, Any]] | None) -> frozenset[Planned] | None:
    """Read files as a plan has them; ``None``, which binds nothing, of a plan that is older than its checksums."""
    if given is None or (given and not any(one.get("checksum") for one in given)):
        return None
    return frozenset(Planned(*(one.get(name) or "" for name in Planned._fields)) for one in given)


def require_planned(due: Iterable[Migration], wanted: frozenset[Planned] | None, schema: str) -> None:
    """Refuse what is due and was not planned, or has changed since, also while the lock was waited for.

    :param wanted: ``None`` where everything may be due.
    :raises StateError: a file is so.
    """
    if wanted is None:
        return
    for one in due:
        found = Planned(schema, str(one.version or ""), one.name, examine(one.path).checksum)
        if found in wanted:
            continue
        changed = any(found[:-1] == other[:-1] for other in wanted)
        raise StateError(
            f"has changed since it was planned for {schema}" if changed else f"is due in {schema} and was not planned",
            where=str(one.path),
            remedy="what is due has changed since it was planned and approved: end the deployment with abort.yml, "
            "where it has not ended by itself, and deploy again",
        )
