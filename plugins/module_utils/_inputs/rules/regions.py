# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the regions: which groups they are, and that each host belongs to one. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..._common.backwards import WITHOUT_A_RELEASE
from ..._common.errors import InputError
from .base import Context, problem

REGION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")
PARENT = "slipway_regions"
# The playbooks hold so many plays.
MOST = 6
PURPOSES = {"application": "application hosts", "balancers": "balancers"}


def groups(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Regions are groups below one parent, by which a playbook sees that there are any before it reads a variable."""
    regions = values["slipway_regions"]
    if not regions and PARENT in context.groups:
        yield problem(
            f"the inventory has the group {PARENT}, but no order is given",
            "slipway_regions",
            "list its children in the order in which they are deployed",
        )
    if regions and PARENT not in context.groups:
        yield problem(
            f"the inventory has no group {PARENT}", f"group {PARENT}", f"make {', '.join(regions)} its children"
        )
    if len(regions) > MOST:
        yield problem(f"{len(regions)} regions are more than {MOST}", "slipway_regions", "join some of them")
    for index, region in enumerate(regions):
        where = f"slipway_regions[{index}]"
        if not REGION.fullmatch(region) or region in (PARENT, "all", *PURPOSES):
            yield problem(
                f"{region!r} cannot be a region", where, "use up to 31 letters, digits, hyphens and underscores"
            )
        elif region in regions[:index]:
            yield problem(f"{region} is listed twice", where, "list each region once")
        elif region not in context.groups:
            yield problem(f"the inventory has no group {region}", where, "name a group of the inventory")


def hosts(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each application host and each balancer belongs to one region, and no region lacks either kind."""
    known = [region for region in dict.fromkeys(values["slipway_regions"]) if region in context.groups]
    for region in known:
        for group, purpose in PURPOSES.items():
            if not set(context.groups.get(group, [])).intersection(context.groups[region]):
                yield problem(
                    f"the region has no {purpose}",
                    f"group {region}",
                    f"add hosts of the group {group} to it, or take {region} out of slipway_regions",
                )
    for host in sorted({host for group in PURPOSES for host in context.groups.get(group, [])} if known else ()):
        held = [region for region in known if host in context.groups[region]]
        if len(held) != 1:
            yield problem(
                f"it is in the regions {', '.join(held)}" if held else "it is in no region",
                f"host {host}",
                "put it into the group of one region",
            )
        elif host not in context.groups.get(PARENT, [host]):
            yield problem(
                f"its region {held[0]} is no child of the group {PARENT}",
                f"host {host}",
                f"make the group {held[0]} a child of {PARENT}",
            )


def asked(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """One region alone is for the ways back; a deployment keeps the order, where what is done costs nothing."""
    region, regions = values["slipway_region"], values["slipway_regions"]
    if region and region not in regions:
        yield problem(
            f"{region!r} is not in slipway_regions",
            "slipway_region",
            f"use one of {', '.join(regions)}" if regions else "remove it, or set slipway_regions",
        )
    elif region and context.verb not in (*WITHOUT_A_RELEASE, "validate"):
        yield problem(
            f"a deployment to {region} alone would leave the order",
            "slipway_region",
            "remove it: a region that has the revision already has nothing to do",
        )


def parking(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """A region that is parked would leave those after it waiting, with nothing to take them up."""
    if not values["slipway_regions"]:
        return
    parked = [
        f"slipway_canary_steps[{index}]"
        for index, step in enumerate(values["slipway_canary_steps"])
        if step.get("approval") or step.get("park")
    ]
    for where in [*parked, *(["slipway_approvals"] if values["slipway_approvals"] else [])]:
        yield problem("regions cannot be parked", where, "remove it, and let regions bake with slipway_region_bake")
