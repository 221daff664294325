# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the hosts: groups, ledger host, and how balancers are reached. Touches nothing."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ..._balancer.config import STICKY_NAME
from ..._common.errors import InputError
from .base import Context, problem

SERVER_NAME = re.compile(
    r"_|(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


def groups(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """A deployment needs application hosts and balancers."""
    for group, purpose in (("application", "application hosts"), ("balancers", "balancer hosts")):
        if not context.groups.get(group):
            yield problem(
                f"there are no {purpose}", f"group {group}", f"add hosts to the group {group} of the inventory"
            )


def ledger_host(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The ledger lives on a host that Ansible knows."""
    name = values["slipway_ledger_host"]
    if name not in context.groups.get("all", []):
        yield problem(f"{name!r} is not a host of the inventory", "slipway_ledger_host", "name a host of the inventory")


def server_names(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """They are written into the balancer's configuration."""
    if not values["slipway_server_names"]:
        yield problem("the list is empty", "slipway_server_names", "list host names, or _ for any")
    for index, name in enumerate(values["slipway_server_names"]):
        if not SERVER_NAME.fullmatch(name):
            yield problem(
                f"{name!r} is not a host name", f"slipway_server_names[{index}]", "use host names, *.example.com, or _"
            )


def sticky(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Cookies and headers have names, as the balancers take them; addresses and requests have none."""
    by, name = values["slipway_sticky"]["by"], values["slipway_sticky"]["name"]
    joint = {"cookie": "_", "header": "-"}.get(by)
    if joint and not STICKY_NAME[by].fullmatch(name):
        yield problem(
            f"{name!r} is not the name of a {by}",
            "slipway_sticky.name",
            f"use letters, digits and {joint}, beginning with a letter",
        )
    if by in ("address", "request") and name:
        yield problem(f"sticking by {by} takes no name", "slipway_sticky.name", "remove it")


def virtual_address(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """keepalived takes an address, with or without a prefix length."""
    text = values["slipway_virtual_address"]
    try:
        if text:
            ipaddress.ip_interface(text)
    except ValueError:
        yield problem(
            f"{text!r} is not an address", "slipway_virtual_address", "write it like 10.0.0.10 or 10.0.0.10/24"
        )
