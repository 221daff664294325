# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of change control: the policy, the profiles that make it stricter, and the change request.

Reads the files of an operator's own profiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._change.moment import read_moment
from ..._change.policy import POLICY_NAME, read_policy, read_request, stricter
from ..._change.zone import read_zone
from ..._common.errors import InputError
from ..._compliance.load import load
from .base import Context, problem


def policy(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The policy can be read, and met."""
    given, profiles = values["slipway_change_policy"], values["slipway_compliance"]
    try:
        profile = load(profiles)
        if profile and not given:
            yield problem(
                f"it is not set, but slipway_compliance asks for {profile.name}",
                POLICY_NAME,
                "say at least the timezone, the people and the groups",
            )
        elif given:
            read = read_policy(given)
            if profile:
                stricter(read, profile)
    except InputError as exc:
        yield exc


def request(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The change request holds texts."""
    try:
        read_request(values["slipway_change"])
    except InputError as exc:
        yield exc


def at(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The time of a preview is one, and nothing but a preview has one."""
    given, where = values["slipway_change_at"], "slipway_change_at"
    if not given:
        return
    if not context.check_mode:
        yield problem("a run judges the time at which it runs", where, "remove it, or run with --check")
        return
    try:
        zone = str(values["slipway_change_policy"].get("timezone") or "UTC")
        read_moment(given, read_zone(zone, f"{POLICY_NAME}.timezone"), where)
    except InputError as exc:
        if exc.where == where:
            yield exc


def inventory_region(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Where there are regions, each says by itself which it is."""
    if values["slipway_inventory_region"] and values["slipway_regions"]:
        yield problem(
            "slipway_regions says in which region each host is",
            "slipway_inventory_region",
            "remove it",
        )
