# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller has judged until the ledger has it: nothing twice, nothing of another run, and never endless."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._evidence import collect
from ansible_collections.slipway.release.plugins.module_utils._inputs.reading import PREFIX
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge

from tests.unit.evidence.made import gate, move

PASS = {"verdict": "pass"}


class Host:
    """A host whose facts Ansible keeps where a task did not fail."""

    def __init__(self, token: int = 7) -> None:
        self.now = 1_000
        self.variables: dict[str, Any] = {"ansible_facts": {}}
        self.keep(collect.opened(token, self.now))

    def keep(self, state: dict[str, Any]) -> None:
        self.variables["ansible_facts"].update(collect.as_facts(self.variables, state))

    def judges(self, stage: str, result: dict[str, Any], require: dict[str, Any] | None = None) -> None:
        self.now += 500
        state = collect.collected(self.variables)
        assert state is not None
        outcome = judge(stage, ["lb1"], {"lb1": result}, require or PASS)
        entry = collect.entry(state, outcome, {"lb1": result}, self.now)
        if outcome.verdict == "pass":
            self.keep(collect.added(state, entry))
        else:
            self.variables["ansible_failed_result"] = {"evidence": {"token": state["token"], "entry": entry}}

    def sends(self) -> list[dict[str, Any]]:
        state = collect.collected(self.variables)
        assert state is not None
        self.keep(collect.sent(state))
        return list(state["entries"])


def test_everything_is_sent_once_with_its_order_and_duration():
    host = Host()
    host.judges("place", gate())
    host.judges("gate", gate())
    assert [(entry["seq"], entry["stage"], entry["took_ms"]) for entry in host.sends()] == [
        (1, "place", 500),
        (2, "gate", 500),
    ]
    host.judges("switch", move(0, 100), {"verified": True})
    assert [entry["seq"] for entry in host.sends()] == [3]
    assert host.sends() == []


def test_what_has_failed_is_sent_though_its_facts_were_dropped():
    host = Host()
    host.judges("place", gate())
    host.judges("gate", gate("fail"))
    host.judges("undo", gate())
    assert [(entry["stage"], entry["verdict"]) for entry in host.sends()] == [
        ("place", "pass"),
        ("gate", "fail"),
        ("undo", "pass"),
    ]
    host.judges("stop", gate())
    assert [entry["stage"] for entry in host.sends()] == ["stop"]


def test_what_failed_and_was_sent_is_not_sent_again():
    host = Host()
    host.judges("gate", gate("fail"))
    assert [entry["stage"] for entry in host.sends()] == ["gate"]
    assert host.sends() == []


def test_a_watch_is_one_judgement_that_says_how_often():
    host = Host()
    host.judges("canary at 10 %", move(0, 10), {"verified": True})
    for _slice in range(50):
        host.judges("public address during canary at 10 %", gate())
        host.judges("balancers during canary at 10 %", move(10, 10), {"verified": True})
    sent = host.sends()
    assert [(entry["stage"], entry["times"], entry["took_ms"]) for entry in sent] == [
        ("canary at 10 %", 1, 500),
        ("public address during canary at 10 %", 50, 25_000),
        ("balancers during canary at 10 %", 50, 25_000),
    ]


def test_moves_and_failures_are_never_taken_together():
    host = Host()
    host.judges("switch", move(0, 50), {"verified": True})
    host.judges("switch", move(50, 100), {"verified": True})
    host.judges("public", gate())
    host.judges("public", gate("fail"))
    assert [entry["times"] for entry in host.sends()] == [1, 1, 1, 1]


def test_facts_of_an_earlier_run_are_not_taken():
    host = Host(token=6)
    host.judges("place", gate())
    earlier = dict(host.variables["ansible_facts"])
    host.variables["ansible_facts"] = {}
    host.keep(collect.opened(7, 0))
    host.variables["ansible_facts"] = {**earlier, **host.variables["ansible_facts"]}
    assert host.sends() == []
    host.variables["ansible_failed_result"] = {"evidence": {"token": 6, "entry": {"seq": 99}}}
    assert host.sends() == []


def test_outside_a_deployment_nothing_is_collected():
    assert collect.collected({"ansible_facts": {}}) is None
    assert collect.collected({}) is None


def test_it_is_never_endless():
    host = Host()
    for number in range(collect.MOST_ENTRIES + 5):
        host.judges(f"stage {number}", gate())
    state = collect.collected(host.variables)
    assert state is not None
    assert (len(state["entries"]), state["left_off"]) == (collect.MOST_ENTRIES, 5)


def test_facts_that_ansible_injects_are_not_taken_for_an_operators_variables() -> None:
    assert not collect.FACT.startswith(PREFIX)
    assert not collect.ENTRY.startswith(PREFIX)
