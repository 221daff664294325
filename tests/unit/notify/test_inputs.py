# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator writes of notifications is judged before anything is touched, and keeps nobody from going back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._evidence.inputs import shown
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, Inputs, validate

from tests.unit.running import play
from tools.environments import COLLECTIONS, TOP

from .conftest import Receiver

SECRET = "canary-7c1e9b"
CHAT = {"channel": "slack", "name": "chat", "url": f"https://chat.example/{SECRET}"}
GROUPS = {"all": ["app1", "lb1", "db1"], "application": ["app1"], "balancers": ["lb1"]}


def read(verb: str = "rollback", **variables: Any) -> Inputs:
    component = {"name": "web", "kind": "http", "command": "true", "ports": {"blue": 8081, "green": 8082}}
    given = {
        "slipway_app": "shop",
        "slipway_version": "1.0",
        "slipway_artifact": "https://artifacts.example/shop.tar.gz",
        "slipway_components": [{**component, "health": {"ready": "/ready"}}],
        "slipway_balancer": "nginx",
        "slipway_ledger_host": "db1",
        "slipway_reason": "errors",
    }
    return validate({**given, **variables}, GROUPS, verb=verb)


def test_channels_are_taken_and_the_evidence_has_their_names_alone() -> None:
    inputs = read("deploy", slipway_notifications=[CHAT])
    assert inputs.notifications[0]["url"].endswith(SECRET)
    evidence = shown(inputs)
    assert evidence["notifications"] == ["chat"] and SECRET not in str(evidence)


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({"slipway_notifications": [CHAT, {"channel": "slack", "url": SECRET}]}, "slipway_notifications[1].url"),
        ({"slipway_notifications": [{**CHAT, "colour": SECRET}]}, "slipway_notifications[0].colour"),
        ({"slipway_notifications": [{**CHAT, "on": ["ended"]}]}, "slipway_notifications[0].on"),
        ({"slipway_notification_templates": "templates"}, "slipway_notification_templates"),
        ({"slipway_severity": "P9"}, "slipway_severity"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_deployment(variables: dict[str, Any], where: str) -> None:
    with pytest.raises(InputProblems) as found:
        read("deploy", **variables)
    assert found.value.where == where and SECRET not in found.value.message()


def test_a_template_is_tried_before_a_deployment(tmp_path: Path) -> None:
    (tmp_path / "failed.j2").write_text("{{ colour }}", encoding="utf-8")
    with pytest.raises(InputProblems, match="cannot be filled in"):
        read("deploy", slipway_notification_templates=str(tmp_path))


@pytest.mark.parametrize("verb", ["rollback", "abort"])
def test_nothing_of_it_keeps_anybody_from_going_back(verb: str) -> None:
    read(verb, slipway_notifications=[{"channel": "nothing"}], slipway_notification_templates="nowhere")


@pytest.mark.parametrize(("event", "action"), [(None, "trigger"), ("update", "acknowledge"), ("resolution", "resolve")])
def test_an_incident_is_told_by_hand(receiver: Receiver, tmp_path: Path, event: str | None, action: str) -> None:
    book = yaml.safe_load((TOP / "playbooks" / "notify.yml").read_text(encoding="utf-8"))
    given = {
        "slipway_app": "shop",
        "slipway_environment": "production",
        "slipway_incident": "checkout",
        "slipway_reason": "One payment in ten fails.",
        "slipway_severity": "P1",
        "slipway_notifications": [{"channel": "webhook", "url": receiver.url}],
        **({"slipway_incident_event": event} if event else {}),
    }
    done = play(tmp_path, book, {"all": {"vars": given}}, COLLECTIONS)
    assert done.returncode == 0, done.stdout
    document = receiver.posts[0].json()
    assert document["incident"] == {"key": "slipway/production/shop/checkout", "action": action}
    assert document["text"].startswith("One payment in ten fails.")


def test_an_incident_that_nobody_was_told_of_fails(receiver: Receiver, tmp_path: Path) -> None:
    receiver.statuses = [403]
    book = yaml.safe_load((TOP / "playbooks" / "notify.yml").read_text(encoding="utf-8"))
    channels = [{"channel": "webhook", "url": receiver.url}]
    given = {"slipway_app": "shop", "slipway_reason": "It burns.", "slipway_notifications": channels}
    done = play(tmp_path, book, {"all": {"vars": given}}, COLLECTIONS)
    assert done.returncode != 0 and "Nobody was told" in done.stdout
