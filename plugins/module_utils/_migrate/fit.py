# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a release works with the schema of a database, now or after a step. Pure: touches nothing.

Expand and migrate only add, so that an older release does not mind them; contract takes away what it may need, and so
does one that is half done. What is still to be contracted disturbs no newer release, unless that names it as the oldest
schema that it works with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .directives import CONTRACT, EXPAND
from .names import Version, version_of
from .report import FAILURE, PENDING

APPLYING = (PENDING, FAILURE)
NOTHING = "nothing"


@dataclass(frozen=True)
class Member:
    """A versioned migration as far as it matters here.

    :param applied: wholly.
    :param stays: the schema holds something of it.
    """

    version: Version
    phase: str
    applied: bool
    stays: bool


@dataclass(frozen=True)
class Form:
    """What a schema has.

    :param name: of the schema.
    :param members: the versioned migrations, of the files and of the history.
    """

    name: str
    members: tuple[Member, ...]

    def after(self, phases: Collection[str], target: Version | None = None) -> Form:
        """The form once what is pending of these phases is applied.

        :param target: the last version that is; ``None`` for all.
        """
        due = (one.phase in phases and (target is None or one.version <= target) for one in self.members)
        changed = (replace(one, applied=True, stays=True) if is_due else one for one, is_due in zip(self.members, due))
        return replace(self, members=tuple(changed))

    def undone_to(self, target: Version) -> Form:
        """The form once everything newer is undone."""
        changed = (one if one.version <= target else replace(one, applied=False, stays=False) for one in self.members)
        return replace(self, members=tuple(changed))

    def newest(self) -> Version | None:
        """The newest version that is applied."""
        return max((one.version for one in self.members if one.applied), default=None)

    def contracted(self) -> Version | None:
        """The newest version of the phase contract of which something stays."""
        return max((one.version for one in self.members if one.stays and one.phase == CONTRACT), default=None)

    def missing(self, least: Version) -> Version | None:
        """The first migration that a release lacks which needs this version."""
        return min((one.version for one in self.members if not one.applied and _is_needed(one, least)), default=None)


def forms(schemas: Iterable[Mapping[str, Any]]) -> list[Form]:
    """The forms of schemas as ``pg_migrate_info`` returns them."""
    return [_form(part) for part in schemas]


def misfit(wanted: Mapping[str, int] | None, found: Sequence[Form]) -> str:
    """Why a release does not work with these schemas; empty when it does, or when it does not say what it needs.

    :param wanted: the release's schema range, with ``min`` and ``max``.
    """
    if not wanted:
        return ""
    return next(filter(None, (judge(wanted, form) for judge in (too_new, too_old) for form in found)), "")


def too_old(wanted: Mapping[str, int], form: Form) -> str:
    """What the release needs and the schema does not have; empty when there is nothing."""
    least = _version(wanted["min"])
    missing, newest = form.missing(least), form.newest()
    if missing:
        return f"it needs schema {wanted['min']}, and {missing} is not applied to {form.name}"
    if wanted["min"] and (newest is None or newest < least):
        return f"it needs schema {wanted['min']}, and {form.name} is at {newest or NOTHING}"
    return ""


def too_new(wanted: Mapping[str, int], form: Form) -> str:
    """What the release needs and the schema has no more; empty when there is nothing."""
    contracted = form.contracted()
    if contracted and contracted > _version(wanted["max"]):
        return f"it works up to schema {wanted['max']}, and {form.name} is contracted to {contracted}"
    return ""


def _is_needed(one: Member, least: Version) -> bool:
    return one.version == least or (one.version < least and one.phase != CONTRACT)


def _version(number: int) -> Version:
    return version_of(str(number), "slipway_schema_range")


def _form(part: Mapping[str, Any]) -> Form:
    rows = [row for row in part["migrations"] if row["version"]]
    members = [_member(row) for row in rows]
    current = version_of(part["version"], "version") if part["version"] else None
    if current and current not in [one.version for one in members]:
        members.append(Member(current, EXPAND, True, True))
    return Form(part["schema"], tuple(members))


def _member(row: Mapping[str, Any]) -> Member:
    applied = row["state"] not in APPLYING
    return Member(version_of(row["version"], "version"), row["phase"], applied, applied or bool(row.get("stays")))
