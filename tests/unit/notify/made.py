# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts for the tests of notifications."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._notify.compose import compose
from ansible_collections.slipway.release.plugins.module_utils._notify.model import SEVERITY_OF, Facts, Message

AT = 1_800_000_000


def facts(event: str, **more: Any) -> Facts:
    """Facts of a deployment of version 1.4.2 in production."""
    given = {
        "app": "shop",
        "at": AT,
        "severity": SEVERITY_OF.get(event, ""),
        "environment": "production",
        "version": "1.4.2",
        "from_version": "1.4.1",
        "deployment": "20270115T080000Z-4be1c2",
        "verb": "deploy",
        "operator": "eva@controller",
        "reason": "The gate of app2 did not pass.",
    }
    return Facts(event=event, **{**given, **more})


def message(event: str, **more: Any) -> Message:
    """What the templates of the collection make of them."""
    return compose(facts(event, **more))[0]
