# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is refused before it takes the lease: channels are told, and the refusal stays what it is.

Opens connections to the services of the channels, from the controller.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.slipway.release.plugins.module_utils._notify.model import REFUSED, Facts
from ansible_collections.slipway.release.plugins.module_utils._notify.tell import tell
from ansible_collections.slipway.release.plugins.module_utils._plan.operator import operator

SECONDS = 10
CHANNELS = "slipway_notifications"
VERSION_OF = {"deploy": "slipway_version", "rollback": "slipway_rollback_to"}


def told(result: dict[str, Any], verb: str, region: str, templar: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a task that has refused a run, with a warning for each channel that could not be told.

    :param verb: what was to be done; nobody is told of anything but a deployment or a rollback.
    """
    if verb not in VERSION_OF or not variables.get(CHANNELS):
        return result
    warnings = ["nobody was told of the refusal: an unexpected error"]
    with suppress(Exception):
        warnings = _tell(str(result.get("msg") or ""), verb, region, templar, variables)
    return {**result, "warnings": [*result.get("warnings", []), *warnings]} if warnings else result


def _tell(reason: str, verb: str, region: str, templar: Any, variables: Mapping[str, Any]) -> list[str]:
    def value(name: str, otherwise: Any = "") -> Any:
        try:
            return templar.template(variables[name]) if name in variables else otherwise
        except AnsibleError:
            return otherwise

    channels = json.loads(json.dumps(value(CHANNELS, None), default=str))
    if not isinstance(channels, list):
        return [f"nobody was told of the refusal: {CHANNELS} cannot be read"]
    facts = Facts(
        event=REFUSED,
        app=str(value("slipway_app")),
        at=int(time.time()),
        environment=str(value("slipway_environment")),
        region=region,
        version=str(value(VERSION_OF[verb])),
        verb=verb,
        operator=operator(dict(variables)),
        reason=" ".join(reason.encode("utf-8", "replace").decode("utf-8").split()),
    )
    return tell(channels, facts, str(value("slipway_notification_templates")), SECONDS).warnings
