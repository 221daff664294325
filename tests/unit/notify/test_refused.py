# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is refused before it takes the lease tells the channels why, and is refused all the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.slipway.release.plugins.plugin_utils import refused

from tests.unit.running import play
from tools.environments import COLLECTIONS, TOP

from .conftest import Receiver
from .made import message

REFUSED = {"failed": True, "changed": False, "msg": "slipway_version: it is not set. Remedy: set it."}
VARIABLES = {"slipway_app": "shop", "slipway_environment": "production", "slipway_version": "1.4.2"}


class Templar:
    """Variables are what they are, but for one that cannot be evaluated."""

    def template(self, value: Any) -> Any:
        if value == "{{ away }}":
            raise AnsibleUndefinedVariable("away is undefined")
        return value


def webhook(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"channel": "webhook", "url": f"{receiver.url}/hook", "hmac_key": "k", **more}


def told(receiver: Receiver, verb: str = "deploy", **changes: Any) -> tuple[dict[str, Any], list[Any]]:
    """The result, and what the channels were told."""
    variables = {**VARIABLES, "slipway_notifications": [webhook(receiver)], **changes}
    result = refused.told(dict(REFUSED), verb, "eu", Templar(), variables)
    assert {**result, "warnings": []} == {**REFUSED, "warnings": []}
    return result, [post.json() for post in receiver.posts]


def test_why_and_what_is_told(receiver: Receiver) -> None:
    result, (said,) = told(receiver)
    assert "warnings" not in result
    names = ("event", "app", "environment", "region", "version", "verb", "reason", "severity")
    assert [said[name] for name in names] == [
        "refused",
        "shop",
        "production",
        "eu",
        "1.4.2",
        "deploy",
        REFUSED["msg"],
        "",
    ]
    assert said["incident"]["action"] == ""
    assert said["title"] == "shop in production: deploy of 1.4.2 was refused"
    assert "This run has changed nothing." in said["text"]


def test_a_rollback_is_told_too(receiver: Receiver) -> None:
    _result, (said,) = told(receiver, "rollback", slipway_rollback_to="previous")
    assert (said["verb"], said["version"]) == ("rollback", "previous")


@pytest.mark.parametrize("verb", ["abort", "approve", "return", "migrate", "flags", "release_lease", "root_cause", ""])
def test_nobody_is_told_of_anything_else(receiver: Receiver, verb: str) -> None:
    assert told(receiver, verb) == (REFUSED, [])


def test_without_channels_nobody_is_told(receiver: Receiver) -> None:
    result, said = told(receiver, slipway_notifications=[])
    assert (result, said) == (REFUSED, [])


def test_a_channel_that_wants_other_events_is_left_alone(receiver: Receiver) -> None:
    pager = {"channel": "pagerduty", "routing_key": "k", "url": receiver.url}
    channels = [webhook(receiver, on=["failed"]), pager]
    assert told(receiver, slipway_notifications=channels) == (REFUSED, [])


@pytest.mark.parametrize("app", ["{{ away }}", ""])
def test_what_is_not_known_yet_is_left_out(receiver: Receiver, app: str) -> None:
    _result, (said,) = told(receiver, slipway_app=app, slipway_version="{{ away }}")
    assert said["title"] == "An application in production: deploy was refused"


@pytest.mark.parametrize(
    "channels", ["{{ away }}", "a text", [{"channel": "pigeon"}], [7], [{"channel": "webhook", "url": "http://[::1"}]]
)
def test_channels_that_are_wrong_are_a_warning_and_mask_nothing(receiver: Receiver, channels: Any) -> None:
    result, said = told(receiver, slipway_notifications=channels)
    assert len(result["warnings"]) == 1 and said == []


def test_who_does_not_answer_is_a_warning_and_masks_nothing(receiver: Receiver) -> None:
    receiver.statuses = [404]
    result, _said = told(receiver)
    assert "webhook was not told of 'refused'" in result["warnings"][0]


def test_whatever_else_goes_wrong_masks_nothing(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "operator", lambda _variables: 1 / 0)
    result, said = told(receiver)
    assert (result["warnings"], said) == (["nobody was told of the refusal: an unexpected error"], [])


def test_it_is_no_incident() -> None:
    assert message("refused").as_document()["incident"]["action"] == ""


def run(directory: Path, receiver: Receiver, *more: str, **play_vars: Any) -> str:
    """Run deploy's first stages with an application that has no version, or a checklist that blocks; the output."""
    variables = {
        "slipway_app": "shop",
        "slipway_artifact": str(directory),
        "slipway_notifications": [webhook(receiver)],
        "ansible_python_interpreter": sys.executable,
    }
    stages = TOP / "playbooks" / "stages"
    stage = {
        "import_playbook": str(stages / play_vars.pop("stage")),
        "vars": {"deployment_verb": "deploy", **play_vars},
    }
    hosts = {"all": {"vars": variables, "children": {"application": {"hosts": {"app1": {}}}}}}
    done = play(
        directory, [{"hosts": "localhost", "gather_facts": False, "tasks": []}, stage], hosts, COLLECTIONS, *more
    )
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


def test_a_stage_that_refuses_tells_it(tmp_path: Path, receiver: Receiver) -> None:
    stage, why = "inputs.yml", "slipway_components: it is not set"
    output = run(tmp_path, receiver, stage=stage)
    (said,) = [post.json() for post in receiver.posts]
    assert said["event"] == "refused"
    assert why in said["reason"] and why in " ".join(output.split())
    receiver.posts.clear()
    run(tmp_path, receiver, stage=stage, deployment_tells=False)
    run(tmp_path, receiver, "--check", stage=stage)
    assert receiver.posts == []
