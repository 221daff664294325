# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of feature flags. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._common.errors import InputError
from ..._flags.factory import evaluator, store
from ..._flags.model import KILL_SWITCH, Flag
from ..._flags.schema import asked_for, read, refuse_unknown
from ..._flags.set import LONGEST_VERIFY
from ..flags import CONTROLLER
from .base import USER, Context, problem

PURPOSE = "flags"
STORE = "slipway_flags_store"


def places(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The store, and the evaluator, are such that the modules take them. No value of them is shown."""
    given = values[STORE]
    if given:
        try:
            store(given, STORE)
        except InputError as exc:
            yield exc
    elif context.verb == PURPOSE:
        yield problem("it is not set", STORE, "say where the flags are kept")
    try:
        evaluator(values["slipway_flags_evaluator"], "slipway_flags_evaluator")
    except InputError as exc:
        yield exc


def flags(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each flag makes sense, and the release knows it."""
    try:
        entries = read(values["slipway_flags_schema"], "slipway_flags_schema")
        refuse_unknown(asked_for(values["slipway_flags"], "slipway_flags"), entries, "slipway_flags")
    except InputError as exc:
        yield exc


def rollout(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each flag of a deployment makes sense, the release knows it, and it is said where flags are kept."""
    name = "slipway_flags_rollout"
    given = values[name]
    if given and not values[STORE] and context.verb != PURPOSE:
        yield problem("it is not set, and a deployment sets flags", STORE, f"say where they are kept, or empty {name}")
    seen: set[tuple[str, int]] = set()
    for index, entry in enumerate(given):
        here = f"{name}[{index}]"
        if not 1 <= entry["at"] <= 100:
            yield problem(f"{entry['at']} is no share of the traffic", f"{here}.at", "use 1 to 100")
        if (entry["name"], entry["at"]) in seen:
            yield problem(f"{entry['name']!r} is set twice at {entry['at']} %", f"{here}.name", "remove one")
        seen.add((entry["name"], entry["at"]))
        if entry["strategy"] == KILL_SWITCH:
            yield problem("a deployment kills no flag", f"{here}.strategy", "use off, or kill_switch.yml")
        try:
            asked_for([entry], name)
        except InputError as exc:
            yield problem(exc.what, f"{here}.{exc.where.rpartition('.')[2]}", exc.remedy)
    try:
        entries = read(values["slipway_flags_schema"], "slipway_flags_schema")
        refuse_unknown([Flag(str(entry["name"]), str(entry["strategy"])) for entry in given], entries, name)
    except InputError as exc:
        if exc.where.startswith(name):
            yield exc


def where(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The hosts are there, and the user and the time make sense."""
    hosts = values["slipway_flags_hosts"]
    if not any(context.groups.get(host, [host]) for host in hosts):
        remedy = f"name the hosts that have the store, or {CONTROLLER} for the controller"
        yield problem("it names no host, so no flag would be set", "slipway_flags_hosts", remedy)
    for index, host in enumerate(hosts):
        if host != CONTROLLER and host not in context.groups and host not in context.groups["all"]:
            remedy = f"name a host or a group of the inventory, or {CONTROLLER} for the controller"
            yield problem(f"{host!r} is not in the inventory", f"slipway_flags_hosts[{index}]", remedy)
    user, seconds = values["slipway_flags_user"], values["slipway_flags_verify"]
    if user and not USER.fullmatch(user):
        remedy = "use at most 32 characters a-z 0-9 _ -"
        yield problem(f"{user!r} is not a name of a system user", "slipway_flags_user", remedy)
    if not 0 <= seconds <= LONGEST_VERIFY:
        yield problem(f"{seconds} is too much", "slipway_flags_verify", f"use 0 to {LONGEST_VERIFY} seconds")
