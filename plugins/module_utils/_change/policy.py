# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change policy, read from what an operator wrote, and made stricter by compliance profiles. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .._common.errors import InputError
from .._compliance.profile import ENFORCEMENTS, LONGEST_AGE, Profile
from .._inputs.reading import Reading
from .._ledger.who import Who
from .evidence import refuse_url
from .people import People, read_people
from .spec import APPROVALS, OVERRIDE, POLICY, REQUEST, RESIDENCY
from .window import Window
from .windows import read_day, read_window
from .zone import read_zone

POLICY_NAME, REQUEST_NAME = "slipway_change_policy", "slipway_change"
LONGEST_RUNWAY = 7 * 86400


@dataclass(frozen=True)
class Policy:
    """What holds for changes.

    :param change_request: what a change request must say.
    :param awx_accounts: accounts that run nothing but jobs of AWX.
    :param deployers: groups whose members may deploy; everybody when empty.
    :param separate: which two roles must not be one person.
    :param approving: groups, one approval of each of which is needed.
    :param ddl: groups needed too where migrations are due.
    :param overriding: groups whose members may override.
    :param covers: which findings an override is good for.
    :param regions: where the application's data may be; anywhere when nothing.
    :param failover_regions: where else a failover may bring it.
    :param gates: what must have passed before.
    :param region_required: whether the policy must say where data may be.
    """

    zone: ZoneInfo
    enforcement: str
    windows: tuple[Window, ...]
    runway: timedelta
    change_request: tuple[str, ...]
    people: People
    awx_accounts: tuple[str, ...]
    deployers: tuple[str, ...]
    separate: frozenset[str]
    approving: tuple[str, ...]
    ddl: tuple[str, ...]
    approval_max_age: timedelta
    allowed_signers: str
    revoked_keys: str
    url: str
    headers: dict[str, str]
    overriding: tuple[str, ...]
    covers: frozenset[str]
    override_max_age: timedelta
    regions: tuple[str, ...]
    failover_regions: tuple[str, ...]
    gates: tuple[str, ...] = ()
    region_required: bool = False

    def deployer(self, who: Who) -> str:
        """The name of who deploys: the account, and beside an account of AWX who launched the job.

        Anybody can set what makes a run look like a job of AWX; nobody can set the account.
        """
        return who.name if who.by_awx and who.account in self.awx_accounts else who.account


def read_policy(given: Mapping[str, Any]) -> Policy:
    """Read a policy.

    :raises InputError: the first thing that is wrong, with its name and a remedy.
    """
    values = _typed(POLICY_NAME, POLICY, given)
    approvals = _filled(APPROVALS, values["approvals"])
    override = _filled(OVERRIDE, values["override"])
    residency = _filled(RESIDENCY, values["residency"])
    holidays = frozenset(
        read_day(day, f"{POLICY_NAME}.holidays[{index}]") for index, day in enumerate(values["holidays"])
    )
    policy = Policy(
        zone=read_zone(values["timezone"], f"{POLICY_NAME}.timezone"),
        enforcement=values["enforcement"],
        windows=_windows(values["windows"], holidays),
        runway=_seconds(values["runway"], 0, LONGEST_RUNWAY, f"{POLICY_NAME}.runway"),
        change_request=tuple(values["change_request"]),
        people=read_people(values["people"], values["groups"], POLICY_NAME),
        awx_accounts=tuple(values["awx_accounts"]),
        deployers=tuple(values["deployers"]),
        separate=frozenset(values["separate"]),
        approving=tuple(approvals["groups"]),
        ddl=tuple(approvals["ddl"]),
        approval_max_age=_seconds(approvals["max_age"], 60, LONGEST_AGE, f"{POLICY_NAME}.approvals.max_age"),
        allowed_signers=approvals["allowed_signers"],
        revoked_keys=approvals["revoked_keys"],
        url=approvals["url"],
        headers={str(name): str(value) for name, value in approvals["headers"].items()},
        overriding=tuple(override["groups"]),
        covers=frozenset(override["covers"]),
        override_max_age=_seconds(override["max_age"], 60, 31 * 86400, f"{POLICY_NAME}.override.max_age"),
        regions=tuple(residency["regions"]),
        failover_regions=tuple(residency["failover_regions"]),
    )
    if policy.url:
        refuse_url(policy.url, f"{POLICY_NAME}.approvals.url")
    _refuse_shared(policy)
    _refuse_incomplete(policy)
    return policy


def stricter(policy: Policy, profile: Profile) -> Policy:
    """The policy, where a profile asks for more with what that asks for.

    :raises InputError: the profile needs a group that the policy does not have.
    """
    made = replace(
        policy,
        enforcement=max(policy.enforcement, profile.enforcement, key=ENFORCEMENTS.index),
        change_request=_union(policy.change_request, profile.change_request),
        separate=policy.separate.union(profile.separate),
        approving=_union(policy.approving, profile.approving),
        ddl=_union(policy.ddl, profile.ddl),
        deployers=_narrowed(policy.deployers, profile),
        approval_max_age=min(policy.approval_max_age, timedelta(seconds=profile.approval_max_age)),
        covers=policy.covers - _demanded(profile),
        gates=_union(policy.gates, profile.gates),
        region_required=policy.region_required or profile.region_required,
    )
    _refuse_incomplete(made, profile.name)
    return made


def _demanded(profile: Profile) -> set[str]:
    """Findings of what a profile demands, which an override must not waive."""
    demands = {
        "approvals": profile.approving or profile.ddl,
        "gates": profile.gates,
        "change_request": profile.change_request,
    }
    return {kind for kind, demand in demands.items() if demand}


def _narrowed(deployers: tuple[str, ...], profile: Profile) -> tuple[str, ...]:
    if not deployers or not profile.deployers:
        return deployers or profile.deployers
    both = tuple(group for group in deployers if group in profile.deployers)
    if not both:
        raise InputError(
            f"profile {profile.name} lets only {', '.join(profile.deployers)} deploy",
            where=f"{POLICY_NAME}.deployers",
            remedy=f"name one of {', '.join(profile.deployers)} there, or leave it empty",
        )
    return both


def read_request(given: Mapping[str, Any]) -> dict[str, str]:
    """What an operator says about the change.

    :raises InputError: it holds something else than texts.
    """
    return _filled(REQUEST, _typed(REQUEST_NAME, REQUEST, given))


def _typed(name: str, options: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    reading = Reading({name: {"type": "dict", "options": options}}, {name: dict(given)}, {})
    if reading.problems:
        raise reading.problems[0]
    return dict(reading.values[name])


def _filled(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: option.get("default") for name, option in options.items()}, **given}


def _windows(given: list[dict[str, Any]], holidays: frozenset[Any]) -> tuple[Window, ...]:
    found: list[Window] = []
    for index, window in enumerate(given):
        where = f"{POLICY_NAME}.windows[{index}]"
        if any(window["name"] == other.name for other in found):
            raise InputError(
                f"{window['name']} is there twice", where=f"{where}.name", remedy="give each window a name of its own"
            )
        found.append(read_window(window, holidays, where))
    return tuple(found)


def _seconds(given: int, lowest: int, highest: int, where: str) -> timedelta:
    if not lowest <= given <= highest:
        raise InputError(
            f"{given} is not from {lowest} to {highest}", where=where, remedy=f"use {lowest} to {highest} seconds"
        )
    return timedelta(seconds=given)


def _refuse_shared(policy: Policy) -> None:
    for account in policy.awx_accounts:
        person = policy.people.person(account)
        if person:
            raise InputError(
                f"{account} is a name of {person}, who could deploy as anybody with it",
                where=f"{POLICY_NAME}.awx_accounts",
                remedy="name accounts that run nothing but jobs of AWX",
            )


def _refuse_incomplete(policy: Policy, because: str = "") -> None:
    """A demand that nobody could ever meet is a mistake of the policy, not one of the change."""
    needed = {
        "approvals.groups": policy.approving,
        "approvals.ddl": policy.ddl,
        "deployers": policy.deployers,
        "override.groups": policy.overriding,
    }
    for option, groups in needed.items():
        unknown = [group for group in groups if not policy.people.groups.get(group)]
        if unknown:
            asking = f"profile {because}" if because else f"{POLICY_NAME}.{option}"
            raise InputError(
                f"{asking} asks for {', '.join(unknown)}, which has no members",
                where=f"{POLICY_NAME}.groups",
                remedy=f"name the members of {', '.join(unknown)} there",
            )
    if (policy.approving or policy.ddl or policy.overriding) and not (policy.allowed_signers or policy.url):
        raise InputError(
            "approvals are asked for, but nothing says how one is told from a forgery",
            where=f"{POLICY_NAME}.approvals",
            remedy="set allowed_signers to a file of allowed signers, or url to a server that keeps approvals",
        )


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *second]))
