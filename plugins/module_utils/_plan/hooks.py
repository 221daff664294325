# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hooks of a plan: which run where, without what is secret of them; nothing at all where there are none.

Touches nothing. Plans and requests without hooks are what they were before there were hooks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._hooks.call import shown
from .._inputs.spec import MIGRATE_POINT
from .._inputs.validate import Inputs

SKIP = "hooks"
SKIP_MIGRATIONS = "migrations"


def planned(inputs: Inputs, application: Iterable[str]) -> dict[str, Any]:
    """What the plan says of them.

    :param application: application hosts that take part.
    """
    hosts = {
        "controller": ["localhost"],
        "ledger": [inputs.ledger_host],
        "balancers": inputs.balancer_hosts,
        "application": list(application),
    }
    made = [{**_plain(hook), **_visible(hook), "hosts": hosts[hook["hosts"]]} for hook in wanted(inputs)]
    return {"hooks": made} if made else {}


def asked(inputs: Inputs) -> dict[str, Any]:
    """What the request says of them: all but values of headers, and queries of URLs, which may be new at each run."""
    made = [{**_plain(hook), **_identity(hook), "hosts": hook["hosts"]} for hook in wanted(inputs)]
    return {"hooks": made} if made else {}


def wanted(inputs: Inputs) -> list[dict[str, Any]]:
    """The hooks that run. A rollback migrates nothing, and neither does an external runner at that place."""
    if SKIP in inputs.skip:
        return []
    without = inputs.verb == "rollback" or SKIP_MIGRATIONS in inputs.skip
    return [hook for hook in inputs.hooks if hook["at"] != MIGRATE_POINT or not without]


def _plain(hook: dict[str, Any]) -> dict[str, Any]:
    return {name: hook[name] for name in ("name", "at", "user", "timeout")}


def _visible(hook: dict[str, Any]) -> dict[str, Any]:
    if hook["url"] is None:
        return {"command": hook["command"]}
    return {"url": shown(hook["url"]), "headers": sorted(hook["headers"])}


def _identity(hook: dict[str, Any]) -> dict[str, Any]:
    if hook["url"] is None:
        return {"command": hook["command"]}
    return {"url": hook["url"].partition("?")[0], "headers": sorted(hook["headers"])}
