# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of an application's components, and of environment variables. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..._balancer.config import PATH
from ..._common.address import shown
from ..._common.errors import InputError
from ..._release.order import cycle
from ..._release.revision import RESERVED_ENVIRONMENT
from ..spec import SLOTS
from .base import BALANCER_PORTS, Context, problem

COMPONENT = re.compile(r"[a-z][a-z0-9-]{0,30}")
ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MEMORY = re.compile(r"[1-9][0-9]*[KMGT]?|[1-9][0-9]?%")


def components(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Names are unique, and exactly one component answers the balancer."""
    where = "slipway_components"
    listed = values["slipway_components"]
    answering = [component["name"] for component in listed if component["kind"] == "http"]
    if not answering:
        yield problem("there is no component of kind http", where, "add the component that answers the balancer")
    elif len(answering) > 1:
        yield problem(
            f"{', '.join(answering)} are all of kind http, a balancer serves one component of an application",
            where,
            "give each its own slipway_app, ports and deployment",
        )
    seen: set[str] = set()
    for index, component in enumerate(listed):
        name = component["name"]
        if not COMPONENT.fullmatch(name):
            yield problem(
                f"{name!r} is not a name of a component",
                f"{where}[{index}].name",
                "use lower-case letters, digits and hyphens, beginning with a letter, at most 31 characters",
            )
        if name in seen:
            yield problem(f"{name!r} is the name of two components", f"{where}[{index}].name", "give each its own name")
        seen.add(name)
        yield from _component(f"{where}[{index}]", component)


def _component(where: str, component: dict[str, Any]) -> Iterator[InputError]:
    kind = component["kind"]
    if not component["command"].strip() or "\n" in component["command"]:
        yield problem("the command is empty or has several lines", f"{where}.command", "give one command line")
    if kind == "http":
        for key, remedy in (("ports", "{blue: 8081, green: 8082}"), ("health", "{ready: /health/ready}")):
            if not component[key]:
                yield problem(f"a component of kind http needs {key}", f"{where}.{key}", f"add {key}: {remedy}")
    else:
        for key in ("ports", "health"):
            if component[key]:
                yield problem(
                    f"a component of kind {kind} has no {key}", f"{where}.{key}", f"remove {key}, or use http"
                )
    yield from _schedule(where, component)
    if component["overlap"] and kind != "worker":
        yield problem(f"a component of kind {kind} cannot overlap", f"{where}.overlap", "remove it; it is for workers")
    for key, path in (component["health"] or {}).items():
        if path is not None and not PATH.fullmatch(path):
            yield problem(
                f"{shown(path)!r} is not a path",
                f"{where}.health.{key}",
                "begin it with /, without blanks, quotes and braces",
            )
    if component["stop_timeout"] < 1:
        yield problem("it must be positive", f"{where}.stop_timeout", "give at least 1 second")
    if component["memory_max"] and not MEMORY.fullmatch(component["memory_max"]):
        yield problem(
            f"{component['memory_max']!r} is not an amount of memory", f"{where}.memory_max", "write it like 512M or 2G"
        )
    yield from environment(f"{where}.environment", component["environment"])


def _schedule(where: str, component: dict[str, Any]) -> Iterator[InputError]:
    scheduled = component["kind"] == "scheduled"
    if scheduled and not component["schedule"].strip():
        yield problem("a scheduled component needs a schedule", f"{where}.schedule", 'add schedule: "*-*-* 03:00:00"')
    if not scheduled and component["schedule"]:
        yield problem(f"a component of kind {component['kind']} has no schedule", f"{where}.schedule", "remove it")


def order(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """What a component comes after is another one, can be waited for, and is there before it."""
    listed = values["slipway_components"]
    kinds = {component["name"]: component["kind"] for component in listed}
    for index, component in enumerate(listed):
        for name in component["after"]:
            yield from _earlier(f"slipway_components[{index}].after", component, name, kinds)
    circle = cycle({component["name"]: component["after"] for component in listed})
    if circle:
        yield problem(
            f"none can start first: {' after '.join(circle)}",
            "slipway_components, after",
            "take one of these names out of the after of the one before it",
        )


def _earlier(where: str, component: dict[str, Any], name: str, kinds: dict[str, str]) -> Iterator[InputError]:
    if name not in kinds:
        known = ", ".join(other for other in kinds if other != component["name"])
        yield problem(f"{name!r} is not a component", where, f"name components of this list: {known or 'none'}")
    elif component["kind"] == "http":
        yield problem(
            f"{component['name']} serves before {name} is handed over, which happens once the traffic has moved",
            where,
            f"remove it, and let {name} come after {component['name']} if it needs that",
        )
    elif kinds[name] == "scheduled":
        yield problem(
            f"{name} runs by a calendar, so that nothing can wait until it is ready",
            where,
            "name components of kind http, worker or singleton",
        )


def environment(where: str, variables: dict[str, Any]) -> Iterator[InputError]:
    """Names and values that systemd takes, and none that slipway sets itself."""
    for name, value in variables.items():
        place = f"{where}.{name}"
        if not isinstance(name, str) or not ENVIRONMENT.fullmatch(name):
            yield problem(f"{name!r} is not a name of an environment variable", place, "use letters, digits and _")
        elif name in RESERVED_ENVIRONMENT:
            yield problem(f"{name} is set by slipway for each slot", place, "rename it")
        if not isinstance(value, str):
            yield problem(
                f"the value is of type {type(value).__name__}, not a string", place, f'quote the value: {name}: "..."'
            )
        elif "\n" in value or "\0" in value:
            yield problem("the value has several lines", place, "put it into a file of the release instead")


def ports(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Every slot of every component has a port of its own, and the balancer's ports are others."""
    owners: dict[int, str] = {}
    for index, component in enumerate(values["slipway_components"]):
        for slot in SLOTS if component["ports"] else ():
            where = f"slipway_components[{index}].ports.{slot}"
            yield from _port(where, component["ports"][slot], owners)
    shared = set(context.groups.get("balancers", [])) & set(context.groups.get("application", []))
    taken = dict(owners) if shared else {}
    for name in BALANCER_PORTS:
        yield from _port(name, values[name], taken)


def _port(where: str, port: int, owners: dict[int, str]) -> Iterator[InputError]:
    if not 1 <= port <= 65535:
        yield problem(f"{port} is not a port", where, "use a number from 1 to 65535")
    elif port in owners:
        yield problem(f"port {port} is also that of {owners[port]}", where, "give each its own port")
    owners.setdefault(port, where)
