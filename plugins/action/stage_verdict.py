# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a stage on the controller from the results that its hosts registered; connects nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.release.plugins.module_utils._evidence import collect
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import StageVerdict, by_host, judge


class ActionModule(ActionBase):
    """Runs equally on every host of a play, so that each reaches the same rescue."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge, and fail with one sentence when the stage did not pass."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "stage": {"type": "str", "required": True},
                "hosts": {"type": "list", "elements": "str", "required": True},
                "result": {"type": "str"},
                "results": {"type": "dict"},
                "require": {"type": "dict", "required": True},
                "skipped_passes": {"type": "bool", "default": False},
                "abstain": {"type": "dict"},
            },
            mutually_exclusive=[("result", "results")],
            required_one_of=[("result", "results")],
        )
        hostvars = (task_vars or {})["hostvars"]
        results = by_host(arguments["hosts"], arguments["results"] or {})
        if arguments["result"]:
            results = {host: hostvars[host].get(arguments["result"]) for host in arguments["hosts"]}
        outcome = judge(
            arguments["stage"],
            arguments["hosts"],
            results,
            arguments["require"],
            skipped_passes=arguments["skipped_passes"],
            abstain=arguments["abstain"],
        )
        return {
            "changed": False,
            "failed": outcome.verdict != "pass",
            "msg": outcome.message(),
            "verdict": outcome.verdict,
            "passed": list(outcome.passed),
            "lost": outcome.lost,
            "failures": outcome.failed,
            **_evidence(task_vars or {}, outcome, results),
        }


def _evidence(variables: Mapping[str, Any], outcome: StageVerdict, results: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept for the ledger: as facts, which Ansible drops where a task fails, and then also in the result."""
    state = collect.collected(variables)
    if state is None:
        return {}
    entry = _plain(collect.entry(state, outcome, results, int(time.time() * 1000)))
    made: dict[str, Any] = {"ansible_facts": collect.as_facts(variables, collect.added(state, entry))}
    if outcome.verdict != "pass":
        made["evidence"] = {"token": state["token"], "entry": entry}
    return made


def _plain(value: Any) -> Any:
    """The value without Ansible's own types, which are lazy or carry tags."""
    return json.loads(json.dumps(value, default=str))
