# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``alerts``: no alert fires for the application. Asks Prometheus or Alertmanager, from the controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .._common.address import shown
from .model import Finding, Looked, Scene
from .remote import fetched
from .reports import NotUnderstood, from_json


def look(scene: Scene) -> Looked:
    """Ask for what fires. A critical alert fails; alerts that name another application do not count."""
    source = scene.options["after"]["alerts"]
    if not source:
        return Looked(skipped="slipway_checklist.after.alerts names no address")
    place = shown(source)
    try:
        alerts = list(_firing(from_json(fetched(source))))
    except NotUnderstood as exc:
        return Looked([Finding(place, f"it is not known which alerts fire: {exc}", "correct the address")])
    app = scene.variables.get("slipway_app")
    return Looked(
        [
            Finding(
                place,
                f"the alert {labels.get('alertname', '?')} fires",
                "see its runbook",
                fails=labels.get("severity") == "critical",
            )
            for labels in alerts
            if labels.get("app", app) == app
        ]
    )


def _firing(answer: Any) -> Iterator[Mapping[str, Any]]:
    """The labels of alerts that fire and are not silenced.

    :raises NotUnderstood: it is neither an answer of Prometheus nor one of Alertmanager.
    """
    try:
        if isinstance(answer, dict):
            yield from (alert["labels"] for alert in answer["data"]["alerts"] if alert["state"] == "firing")
        else:
            yield from (alert["labels"] for alert in answer if alert["status"]["state"] == "active")
    except (KeyError, TypeError) as exc:
        raise NotUnderstood("it is neither an answer of Prometheus nor one of Alertmanager") from exc
