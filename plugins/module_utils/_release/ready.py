# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a component is ready for those that come after it.

One that answers requests is when its ready path says so, all others when their unit is active and has stayed so without
a restart. Asks the component's port and systemd; changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from .._common.errors import SystemFailure
from .._common.socket_diagnosis import LISTEN, tcp_sockets
from .._gate.http import HttpProbe
from .._gate.model import PASS, Check, Timing
from .._gate.run import Gate
from .._gate.unit import UnitProbe
from . import units

LOOPBACK = "127.0.0.1"
ANSWERS = Timing(timeout=2, interval=0, successes=1, deadline=20)
# A program that cannot do its work ends within moments, and systemd starts it again a second later.
STAYS = Timing(timeout=10, interval=1, successes=4, deadline=20, failures=5)


def require(app: str, components: Iterable[Mapping[str, Any]], slot: str) -> None:
    """Wait until all of them are ready.

    :raises SystemFailure: one of them is not, in the time that it has.
    """
    findings = Gate([_check(app, item, slot) for item in components]).run()
    failed = next((finding for finding in findings if finding.verdict != PASS), None)
    if failed:
        unit = units.unit_name(app, failed.check.name, slot)
        raise SystemFailure(
            f"{failed.check.name} is not ready ({failed.reason}), so that nothing that comes after it starts",
            where=os.uname().nodename,
            remedy=f"see 'journalctl -u {unit}' on this host; then correct the release, or what comes after it",
        )


def _check(app: str, component: Mapping[str, Any], slot: str) -> Check:
    path = component["health"].get("ready") if component["kind"] == "http" else None
    if path:
        port = component["ports"][slot]
        url = f"http://{LOOPBACK}:{port}{path}"
        return Check(component["name"], "http", HttpProbe(url, address=(_address(port), port)), ANSWERS)
    return Check(component["name"], "unit", UnitProbe(units.unit_name(app, component["name"], slot)), STAYS)


def _address(port: int) -> str:
    """Where to ask on a port of this host: the loopback, unless its program listens on another address alone."""
    try:
        found = [one.local_address for one in tcp_sockets((LISTEN,)) if one.local_port == port]
    except OSError:
        return LOOPBACK
    reachable = not found or any(address.is_unspecified or address.is_loopback for address in found)
    return LOOPBACK if reachable else str(found[0])
