# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host is told to stop and to start what, and when, by the tasks of a handover; what they call is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit import running
from tests.unit.plan.recording import recording_collection

PLACE = """
import json
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        asked = self._task.args
        call = " ".join([self._task.delegate_to, asked["state"], asked["slot"], *sorted(asked["components"])])
        with open(task_vars["record"], "a") as file:
            file.write(call + "\\n")
        failed = any(set(one.split()) <= set(call.split()) for one in task_vars["failing"])
        return {"failed": True, "msg": "on purpose"} if failed else {"changed": True, "slot": asked["slot"]}
"""
KEEP = """
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        asked = self._task.args
        with open(task_vars["record"], "a") as file:
            file.write(f"{task_vars['inventory_hostname']} renews {asked.get('command', asked.get('return_to'))}\\n")
        return {"changed": False, "deployment": "d1", "verified": True}
"""
RECORDERS = {"release_place": PLACE, "ledger": KEEP, "lb_switch": KEEP}
RENEWED = ["lb1 renews renew", "lb1 renews {'blue': 100}", "lb2 renews {'blue': 100}"]
BOTH = ["clock", "mailer"]
TURNS = {slot: [["clock"], ["mailer"]] for slot in ("blue", "green")}
STARTS = {"app1": ["mailer", "clock"], "app2": ["mailer"]}
STOPPED = [
    "app1 stopped blue mailer",
    "app2 stopped blue mailer",
    "app1 stopped blue clock",
    "app2 stopped blue clock",
]
Play = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run the tasks of the role in a copy of the collection that records what it would do on hosts."""
    recording_collection(tmp_path / "collections", RECORDERS)

    def run(*failing: str, judged: bool = True, lease_seconds: int = 300, **plan: Any) -> tuple[int, list[str]]:
        record = tmp_path / "record"
        record.write_text("", encoding="utf-8")
        given = {
            "record": str(record),
            "failing": list(failing),
            "rollout_token": 7,
            "rollout_deployment": "d1",
            "rollout_ledger_host": "db1",
            "rollout_plan": {
                "app": "shop",
                "hosts": {"app1": {}, "app2": {}},
                "balancers": ["lb1", "lb2"],
                "percents": {"before": {"blue": 100}},
                "lease_seconds": lease_seconds,
                "handover": BOTH,
                "retired": [],
                **plan,
            },
            "__rollout_handover_from": "blue",
            "__rollout_handover_to": "green",
            "__rollout_handover_starts": STARTS,
            "__rollout_renewed_for": "the handover",
        }
        task = {
            "ansible.builtin.include_role": {"name": "slipway.release.rollout", "tasks_from": "handover.yml"},
            "vars": {} if judged else {"__rollout_judged": False, "__rollout_armed": False},
        }
        book = [{"hosts": "lb1,lb2", "gather_facts": False, "vars": given, "tasks": [task]}]
        local = {"ansible_connection": "local"}
        hosts = {"all": {"hosts": dict.fromkeys(("lb1", "lb2", "db1", "app1", "app2"), local)}}
        done = running.play(tmp_path, book, hosts, tmp_path / "collections")
        calls = record.read_text(encoding="utf-8").splitlines()
        assert calls, done.stdout + done.stderr
        return done.returncode, calls if lease_seconds == 0 else [call for call in calls if " renews " not in call]

    return run


def test_without_turns_each_host_is_told_once_to_stop_and_once_to_start(play: Play) -> None:
    assert play() == (
        0,
        [
            "app1 stopped blue clock mailer",
            "app2 stopped blue clock mailer",
            "app1 started green clock mailer",
            "app2 started green mailer",
        ],
    )


def test_in_turns_all_hosts_stop_what_comes_after_first_and_start_it_last(play: Play) -> None:
    started = ["app1 started green clock", "app1 started green clock mailer", "app2 started green mailer"]
    assert play(turns=TURNS) == (0, [*STOPPED, *started])


def test_nothing_starts_anywhere_after_what_did_not_start(play: Play) -> None:
    code, calls = play("app1 started clock", turns=TURNS)
    assert code == 2
    assert calls == [*STOPPED, "app1 started green clock"]


def test_what_did_not_stop_keeps_what_it_comes_after_and_everything_that_would_start(play: Play) -> None:
    code, calls = play("app2 stopped mailer", turns=TURNS)
    assert code == 2
    assert calls == STOPPED[:2]


def test_on_the_way_back_one_host_that_fails_keeps_no_other_from_its_turns(play: Play) -> None:
    code, calls = play("app1 stopped mailer", judged=False, turns=TURNS)
    assert code == 0
    assert calls == [*STOPPED[:2], "app2 stopped blue clock", "app2 started green mailer"]


def test_the_lease_is_kept_before_the_first_host_and_after_each_however_long_that_took(play: Play) -> None:
    code, calls = play(lease_seconds=0)
    assert code == 0
    hosts = [
        "app1 stopped blue clock mailer",
        "app2 stopped blue clock mailer",
        "app1 started green clock mailer",
        "app2 started green mailer",
    ]
    assert [call for call in calls if call in hosts] == hosts
    for number, before in enumerate(["", *hosts]):
        at = calls.index(before) + 1 if before else 0
        assert at == 4 * number
        assert sorted(calls[at : at + 3]) == sorted(RENEWED)


def test_on_the_way_back_the_balancers_have_settled_and_the_ledger_alone_is_told(play: Play) -> None:
    _code, calls = play(judged=False, lease_seconds=0)
    assert [call for call in calls if " renews " in call] == ["lb1 renews renew"] * 5
