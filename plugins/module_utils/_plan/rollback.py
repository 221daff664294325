# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which revision a rollback returns to, and which one will be there for the next rollback. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._common.errors import InputError, StateError
from .._inputs.rules.base import ROLLBACK_WORDS
from .fleet import OTHER, Fleet


def target(fleet: Fleet, wanted: str, active: str) -> dict[str, Any]:
    """The proven revision that ``wanted`` means.

    :param wanted: ``previous``, ``latest_good``, a version, or the revision that a region had before a run.
    :param active: identifier of the active revision.
    :raises InputError: no revision is meant by it.
    :raises StateError: the revision is not on every application host, or has failed there.
    """
    if wanted == "previous":
        found = _in_spare_slot(fleet, active) or latest_good(fleet, {active})
    elif wanted == "latest_good":
        found = latest_good(fleet, {active})
    else:
        found = _by_version(fleet, wanted) or _by_revision(fleet, wanted)
    if found is None:
        raise InputError(
            _nothing_meant(wanted),
            where="slipway_rollback_to",
            remedy=_choices(fleet, active),
        )
    _refuse_unusable(fleet, found)
    return found


def latest_good(fleet: Fleet, without: set[str]) -> dict[str, Any] | None:
    """The revision that was active last, was not rolled back from, and is kept on every application host."""
    candidates = (
        item
        for item in reversed(fleet.ledger.proven)
        if item["good"] and item["revision"] not in without and fleet.kept_everywhere(item["revision"])
    )
    return next(candidates, None)


def _in_spare_slot(fleet: Fleet, active: str) -> dict[str, Any] | None:
    spare = OTHER[fleet.balancers[0].stable]
    held = {host.slots[spare].revision for host in fleet.applications}
    if len(held) != 1 or held == {active}:
        return None
    revision = held.pop()
    proven = (item for item in fleet.ledger.proven if item["revision"] == revision and item["good"])
    return next((item for item in proven if fleet.kept_everywhere(revision)), None)


def _by_version(fleet: Fleet, version: str) -> dict[str, Any] | None:
    return next((item for item in reversed(fleet.ledger.proven) if item["version"] == version), None)


def _by_revision(fleet: Fleet, revision: str) -> dict[str, Any] | None:
    return next((item for item in fleet.ledger.proven if item["revision"] == revision), None)


def _refuse_unusable(fleet: Fleet, found: dict[str, Any]) -> None:
    lacking = fleet.lacking(found["revision"])
    if lacking:
        raise StateError(
            f"revision {found['revision']} of version {found['version']} is not kept on {', '.join(lacking)}",
            where="slipway_rollback_to",
            remedy="deploy that version again instead, or choose another",
        )
    if found["revision"] in fleet.ledger.returned_from():
        raise StateError(
            f"the watch has returned the traffic from revision {found['revision']} of version {found['version']}",
            where="slipway_rollback_to",
            remedy="choose another version, or deploy that version again once its fault is found",
        )
    failed = fleet.failed_on(found["revision"])
    if failed:
        raise StateError(
            f"revision {found['revision']} of version {found['version']} has failed on {', '.join(failed)}",
            where="slipway_rollback_to",
            remedy="choose another version, or deploy that version again once its fault is found",
        )


def _nothing_meant(wanted: str) -> str:
    if wanted in ROLLBACK_WORDS:
        return f"{wanted} means nothing: no other revision has proven itself and is kept on every application host"
    return f"version {wanted} has never been active"


def _choices(fleet: Fleet, active: str) -> str:
    versions = [
        item["version"]
        for item in fleet.ledger.proven
        if item["revision"] != active and fleet.kept_everywhere(item["revision"])
    ]
    return f"choose one of {', '.join(versions)}" if versions else "deploy a version instead"
