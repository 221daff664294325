# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn a plan into the checks of its gates; they touch nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._checks import build


def instance_checks(
    plan: Mapping[str, Any], addresses: Mapping[str, str], *, interval: int, successes: int, deadline: int
) -> list[dict[str, Any]]:
    """Readiness of every instance in the plan's slot."""
    return build.instance_checks(plan, addresses, build.Patience(interval, successes, deadline))


def instance_listeners(plan: Mapping[str, Any], addresses: Mapping[str, str]) -> list[dict[str, str]]:
    """Where every instance in the plan's slot listens."""
    return build.instance_listeners(plan, addresses)


def leaving_checks(
    plan: Mapping[str, Any], addresses: Mapping[str, str], *, interval: int, successes: int, deadline: int
) -> list[dict[str, Any]]:
    """Readiness of what the plan's batches stop in the stable slot."""
    return build.leaving_checks(plan, addresses, build.Patience(interval, successes, deadline))


def listener_checks(
    plan: Mapping[str, Any], port: int, host_header: str, *, interval: int, successes: int, deadline: int
) -> list[dict[str, Any]]:
    """Readiness through a listener of the balancer."""
    return build.listener_checks(plan, port, host_header, build.Patience(interval, successes, deadline))


def smoke_checks(checks: Sequence[Mapping[str, Any]], port: int, host_header: str, where: str) -> list[dict[str, Any]]:
    """The operator's smoke checks through a listener of the balancer."""
    return build.smoke_checks(checks, port, host_header, where)


class FilterModule:
    """Names under which playbooks find the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter name to function."""
        return {
            "instance_checks": instance_checks,
            "instance_listeners": instance_listeners,
            "leaving_checks": leaving_checks,
            "listener_checks": listener_checks,
            "smoke_checks": smoke_checks,
        }
