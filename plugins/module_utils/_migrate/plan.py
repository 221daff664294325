# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done, from the files and the history. Pure: touches nothing.

A phase is held back as a whole: contract migrations wait for their own day, so the order is that within each phase, and
a later phase never goes before an earlier one of a lower version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from .._common.errors import InputError, StateError
from .directives import CONTRACT, PHASES
from .files import Migration
from .history import APPLIED, BASELINE, UNDOING, Entry
from .names import Version, version_of

REFUSE, APPLY, IGNORE = "refuse", "apply", "ignore"


@dataclass(frozen=True)
class Policy:
    """What is wanted.

    :param phases: phases that are due; the others are held back.
    :param target: last version that is due; ``None`` for all.
    :param out_of_order: refuse, apply or ignore.
    """

    phases: Collection[str] = PHASES
    target: Version | None = None
    out_of_order: str = REFUSE


@dataclass
class Standing:
    """The migrations of a schema by what they are.

    :ivar begun: those of the pending ones of which the schema holds something.
    """

    applied: list[Migration] = field(default_factory=list)
    pending: list[Migration] = field(default_factory=list)
    begun: list[Migration] = field(default_factory=list)
    drifted: list[Migration] = field(default_factory=list)
    missing: list[Entry] = field(default_factory=list)
    future: list[Entry] = field(default_factory=list)
    baseline: Version | None = None

    def covers(self, version: Version | None) -> bool:
        """Whether the baseline stands for a version."""
        return bool(self.baseline and version and version <= self.baseline)

    def current(self) -> Version | None:
        """The highest version that is applied."""
        versions = [one.version for one in self.applied if one.version]
        return max([*versions, *([self.baseline] if self.baseline else [])], default=None)

    def contracted(self) -> Version | None:
        """The highest version of the phase contract that is applied, wholly or in part, also of one without a file."""
        versions = [one.version for one in self.applied + self.begun if one.version and one.phase == CONTRACT]
        gone = [entry for entry in self.missing + self.future if entry.phase == CONTRACT]
        return max([*versions, *(version_of(entry.key, "history") for entry in gone)], default=None)


def standing(migrations: list[Migration], history: Mapping[str, Entry]) -> Standing:
    """Compare the files with the history."""
    baselines = [version_of(entry.key, "history") for entry in history.values() if entry.origin == BASELINE]
    found = Standing(baseline=max(baselines, default=None))
    for one in migrations:
        entry = history.get(one.key)
        if found.covers(one.version):
            found.applied.append(one)
        elif entry and entry.state == APPLIED:
            _sort_applied(found, one, entry)
        else:
            found.pending.append(one)
            if entry and entry.stays():
                found.begun.append(one)
    _sort_without_file(found, migrations, history)
    return found


def _sort_applied(found: Standing, one: Migration, entry: Entry) -> None:
    if entry.checksum in (one.checksum, ""):
        found.applied.append(one)
    elif one.version is None:
        found.pending.append(one)
    else:
        found.applied.append(one)
        found.drifted.append(one)


def _sort_without_file(found: Standing, migrations: list[Migration], history: Mapping[str, Entry]) -> None:
    known = {one.key for one in migrations}
    newest = max((one.version for one in migrations if one.version), default=None)
    for entry in history.values():
        if entry.key in known or entry.origin == BASELINE or entry.key.startswith("R__") or not entry.stays():
            continue
        version = version_of(entry.key, "history")
        if entry.state == APPLIED and found.covers(version):
            continue
        ahead = newest is not None and version > newest
        (found.future if ahead else found.missing).append(entry)


def plan(migrations: list[Migration], history: Mapping[str, Entry], policy: Policy, where: str) -> list[Migration]:
    """The migrations to apply, in order.

    :param where: the schema, for messages.
    :raises StateError: files and history do not fit.
    """
    found = standing(migrations, history)
    require_fit(found, history, where)
    due = [one for one in found.pending if _is_due(one, policy)]
    due = _in_order(due, found, history, policy)
    _require_earlier_phases(due, found.pending)
    return due


def require_fit(found: Standing, history: Mapping[str, Entry], where: str) -> None:
    """Refuse a history that the files contradict.

    :raises StateError: a file has changed, is missing, or is being undone.
    """
    for one in found.drifted:
        then, now = history[one.key].checksum[:12], one.checksum[:12]
        raise StateError(
            f"was applied to {where} with another content (checksum {then}, now {now})",
            where=str(one.path),
            remedy="restore the file and write a new migration; if the change is harmless, repair with 'checksums'",
        )
    for entry in found.missing:
        if entry.state == APPLIED:
            raise StateError(
                f"was applied to {where} and its file is missing",
                where=entry.file,
                remedy="restore the file, or raise the baseline to its version with action 'baseline'",
            )
        raise StateError(
            f"has begun in {where} and not ended, and its file is missing",
            where=entry.file,
            remedy="restore the file and run it to its end"
            + ("" if entry.state == UNDOING else ", or take back what it did and forget it with action 'repair'"),
        )
    for entry in history.values():
        if entry.state == UNDOING:
            raise StateError(
                f"its undo in {where} was interrupted", where=entry.file, remedy="run the undo again to its end"
            )


def _is_due(one: Migration, policy: Policy) -> bool:
    if one.phase not in policy.phases:
        return False
    return policy.target is None or one.version is None or one.version <= policy.target


def _in_order(due: list[Migration], found: Standing, history: Mapping[str, Entry], policy: Policy) -> list[Migration]:
    kept = []
    newest = {phase: max(ones, key=itemgetter(0)) for phase, ones in _by_phase(found.applied).items()}
    for one in due:
        newer = _newer(one, newest, found.future)
        if not newer or policy.out_of_order == APPLY or _has_begun(one, history.get(one.key)):
            kept.append(one)
        elif policy.out_of_order == REFUSE:
            raise StateError(
                f"is out of order: {newer} is applied already",
                where=str(one.path),
                remedy="give it a higher version, or set 'out_of_order' to apply or ignore",
            )
    return kept


def _by_phase(migrations: Iterable[Migration]) -> dict[str, list[tuple[Version, Migration]]]:
    """Those that have a version, with it."""
    found: dict[str, list[tuple[Version, Migration]]] = {}
    for one in migrations:
        if one.version:
            found.setdefault(one.phase, []).append((one.version, one))
    return found


def _newer(one: Migration, newest: Mapping[str, tuple[Version, Migration]], future: list[Entry]) -> str:
    """The file of what was applied after it in its phase; empty without any."""
    if not one.version:
        return ""
    ahead = [entry.file for entry in future if entry.state == APPLIED and entry.phase == one.phase]
    if ahead:
        return ahead[-1]
    version, other = newest.get(one.phase, (one.version, one))
    return str(other) if version > one.version else ""


def _has_begun(one: Migration, entry: Entry | None) -> bool:
    """Whether statements of it are applied, although it is not as a whole."""
    return not one.forward.directives.transaction and entry is not None and bool(entry.statements)


def _require_earlier_phases(due: list[Migration], pending: list[Migration]) -> None:
    """Refuse to go on to a later phase while a lower version of an earlier one is held back."""
    going = {one.key for one in due}
    held = _by_phase(one for one in pending if one.key not in going)
    lowest = [min(ones, key=itemgetter(0)) for ones in held.values()]
    for one in due:
        for version, other in lowest:
            earlier = PHASES.index(other.phase) < PHASES.index(one.phase)
            if earlier and one.version and version < one.version:
                raise StateError(
                    f"is of phase {one.phase}, and {other} of phase {other.phase} has not been applied",
                    where=str(one.path),
                    remedy=f"run the phase {other.phase} first",
                )


def plan_undo(
    migrations: list[Migration], history: Mapping[str, Entry], target: Version, where: str
) -> list[Migration]:
    """The migrations to undo, the newest first, so that ``target`` is the highest that stays.

    :raises StateError: one of them has no way back, or files and history do not fit.
    """
    found = standing(migrations, history)
    undoing = [one for one in migrations if (entry := history.get(one.key)) and entry.state == UNDOING]
    for entry in found.future + found.missing:
        if version_of(entry.key, "history") > target:
            raise StateError(
                f"was applied to {where} and its file is missing",
                where=entry.file,
                remedy="add the file with its way back",
            )
    for one in found.pending:
        if one not in undoing and _has_begun(one, history.get(one.key)):
            raise StateError(
                f"has begun in {where} and not ended", where=str(one.path), remedy="run it to its end first"
            )
    steps = [one for one in found.applied + undoing if one.version and one.version > target]
    for one in steps:
        _require_way_back(one, found, where)
    return sorted(steps, key=lambda one: one.version or target, reverse=True)


def _require_way_back(one: Migration, found: Standing, where: str) -> None:
    if found.baseline and one.version and one.version <= found.baseline:
        raise InputError(
            f"is part of the baseline {found.baseline} of {where}",
            where=str(one.path),
            remedy="undo to the baseline at most",
        )
    if not one.undo:
        raise StateError(
            "has no way back", where=str(one.path), remedy="write one behind '-- slipway:undo', or add a new migration"
        )
