# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of a deployment, made by a real ledger from what controllers have sent it, or have not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import canonical
from ansible_collections.slipway.release.plugins.module_utils._evidence import collect, document, summary
from ansible_collections.slipway.release.plugins.module_utils._evidence.inputs import shown
from ansible_collections.slipway.release.plugins.module_utils._ledger import history
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Answer, Ledger
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge

from tests.unit.evidence.made import SECRET, gate, measured, move, placed
from tests.unit.ledger.made import SetClock, plan_of
from tests.unit.plan.made import WEB, fleet_of, inputs_for
from tests.unit.plan.made import document as revision_document

RELEASED = Path(__file__).parents[2] / "fixtures" / "ledger" / "schema_1"
PASS = {"verdict": "pass"}
HOLD = 60


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: SetClock) -> Ledger:
    return Ledger("shop", root=tmp_path, time=clock)


class Controller:
    """Judges stages and records them, as the actions do."""

    def __init__(self, ledger: Ledger, begun: Answer, now_ms: int = 1_795_248_600_000) -> None:
        self.ledger = ledger
        self.begun = begun
        self.now_ms = now_ms
        self.state = collect.opened(begun.token, now_ms)

    def judges(self, stage: str, *, require: dict[str, Any] | None = None, **results: dict[str, Any]) -> None:
        self.now_ms += 1500
        outcome = judge(stage, list(results), results, require or PASS)
        self.state = collect.added(self.state, collect.entry(self.state, outcome, results, self.now_ms))

    def evidence(self, **more: Any) -> dict[str, Any]:
        judged, self.state = self.state["entries"], collect.sent(self.state)
        return {**more, "judged": judged}

    def commits(self, stage: str) -> None:
        self.ledger.commit(self.begun.deployment, self.begun.token, stage, self.evidence())

    def finishes(self, result: str, reason: str = "", **more: Any) -> Answer:
        return self.ledger.finish(self.begun.deployment, self.begun.token, result, reason, self.evidence(**more))


def canary_plan() -> dict[str, Any]:
    inputs = inputs_for("1.1", rollout="canary", canary_steps=[{"percent": 10, "pause": 60}])
    return plan(inputs, revision_document("1.1"), fleet_of("1.0", None)).plan


def begins(ledger: Ledger, holder: str = "ann@pc", **more: Any) -> Controller:
    return Controller(ledger, ledger.begin(canary_plan(), holder, HOLD, **more))


def up_to_ten_percent(controller: Controller) -> None:
    controller.judges("place", require={"slot": "green"}, app1=placed(), app2=placed())
    controller.judges("readiness from the balancers", lb1=gate(), lb2=gate())
    controller.commits("gate")
    moved = {"lb1": move(0, 10, time="2026-11-21T10:00:01.100+00:00"), "lb2": move(0, 10, sent=90)}
    controller.judges("canary at 10 %", require={"verified": True}, **moved)
    controller.judges("analysis of canary at 10 %", lb1=measured(0.25, 0.5), lb2=measured(0.0))


def good_canary(ledger: Ledger, clock: SetClock) -> dict[str, Any]:
    controller = begins(ledger)
    up_to_ten_percent(controller)
    clock.pass_seconds(40)
    controller.commits("canary at 10 %")
    controller.judges("canary at 100 %", require={"verified": True}, lb1=move(10, 100), lb2=move(10, 100, lost=2))
    controller.judges("settle", require={"verified": True}, lb1=move(100, 100), lb2=move(100, 100))
    clock.pass_seconds(2)
    return controller.finishes("active").document


def test_a_good_canary_has_everything_that_a_report_is_drawn_from(ledger: Ledger, clock: SetClock) -> None:
    made = good_canary(ledger, clock)
    assert (made["result"], made["verdict"], made["elapsed_ms"]) == ("active", "pass", 42_000)
    assert [entry["stage"] for entry in made["verdicts"]] == [
        "place",
        "readiness from the balancers",
        "canary at 10 %",
        "analysis of canary at 10 %",
        "canary at 100 %",
        "settle",
    ]
    assert [line["action"] for line in made["timeline"]] == ["begin", "commit", "commit", "finish"]
    assert [(point["balancer"], point["percents"]["green"]) for point in made["percents"]] == [
        ("lb1", 0),
        ("lb1", 10),
        ("lb2", 0),
        ("lb2", 10),
        ("lb1", 100),
        ("lb2", 100),
    ]
    assert made["percents"][1]["time"] == "2026-11-21T10:00:01.100+00:00"
    assert [(entry["stage"], entry["balancer"], entry["sent"], entry["lost"]) for entry in made["moves"]] == [
        ("canary at 10 %", "lb1", 100, 0),
        ("canary at 10 %", "lb2", 90, 0),
        ("canary at 100 %", "lb1", 100, 0),
        ("canary at 100 %", "lb2", 100, 2),
    ]
    samples = made["verdicts"][3]["hosts"]["lb1"]["metrics"][0]["measurements"]
    assert [sample["value"] for sample in samples] == ["0.25", "0.5"]
    assert made["plan"]["steps"][0]["percents"] == {"green": 10, "blue": 90}
    assert (made["missing"], made["left_off"]) == ([], 0)


def test_its_figures_are_what_was_judged(ledger: Ledger, clock: SetClock) -> None:
    found = summary.summary(good_canary(ledger, clock))
    assert (found["sent"], found["lost"], found["percents"]) == (390, 2, [0, 10, 100])
    assert found["health_checks"] == {"passed": 2, "failed": 0}
    assert found["stages"]["place"] == 1500
    assert ledger.info()["last"] == found
    assert summary.line(found).endswith(
        "of 1.1: active in 42 s, verdict pass, 2 of 390 measured requests lost, percents 0 > 10 > 100"
    )


def test_it_is_on_the_ledger_host_as_it_was_returned(ledger: Ledger, clock: SetClock) -> None:
    made = good_canary(ledger, clock)
    path = ledger.storage.directory / "deployments" / made["deployment"] / "evidence.json"
    assert json.loads(path.read_text(encoding="utf-8")) == made
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failed_deployment_says_what_is_left_to_do_by_hand(ledger: Ledger) -> None:
    controller = begins(ledger)
    up_to_ten_percent(controller)
    controller.judges("public address at canary at 10 %", lb1=gate("fail"), lb2=gate())
    controller.judges("undo", require={"verified": True}, lb1=move(10, 0), lb2=move(10, 0))
    told = {"done": ["The traffic is on slot blue."], "by_hand": ["It was not stopped on app2."]}
    made = controller.finishes("failed", "lb1 failed", compensation=told).document
    assert (made["verdict"], made["reason"]) == ("fail", "lb1 failed")
    assert made["compensation"] == {
        "needed": True,
        "declared": [
            {"stage": "place", "undo": ["stop"]},
            {"stage": "gate", "undo": []},
            {"stage": "smoke", "undo": []},
            {"stage": "canary at 10 %", "undo": ["return"]},
            {"stage": "canary at 100 %", "undo": ["return"]},
            {"stage": "verify", "undo": []},
            {"stage": "handover", "undo": ["hand_back"]},
            {"stage": "settle", "undo": []},
        ],
        "known": True,
        **told,
    }
    assert [point["percents"]["green"] for point in made["percents"] if point["balancer"] == "lb1"] == [0, 10, 0]
    failed = [entry for entry in made["verdicts"] if entry["verdict"] == "fail"]
    assert "status 503" in failed[0]["message"]
    assert "left to do by hand: It was not stopped on app2." in summary.line(summary.summary(made))


def test_a_resumed_deployment_is_one_document_that_marks_what_is_missing(ledger: Ledger, clock: SetClock) -> None:
    first = begins(ledger)
    up_to_ten_percent(first)
    clock.pass_seconds(HOLD)
    second = begins(ledger, "bob@elsewhere", resume=first.begun.deployment)
    assert second.begun.deployment == first.begun.deployment
    second.judges("canary at 10 %", require={"verified": True}, lb1=move(10, 10), lb2=move(10, 10))
    second.judges("canary at 100 %", require={"verified": True}, lb1=move(10, 100), lb2=move(10, 100))
    made = second.finishes("active").document
    assert [(run["token"], run["holder"], run["took_up"], run["ended"]) for run in made["runs"]] == [
        (1, "ann@pc", "begin", False),
        (2, "bob@elsewhere", "resume", True),
    ]
    assert [(entry["token"], entry["stage"]) for entry in made["verdicts"]] == [
        (1, "place"),
        (1, "readiness from the balancers"),
        (2, "canary at 10 %"),
        (2, "canary at 100 %"),
    ]
    assert [(part["token"], part["holder"]) for part in made["missing"]] == [(1, "ann@pc")]
    assert made["missing"][0]["after"] == made["timeline"][1]["time"]
    assert made["missing"][0]["until"] == made["timeline"][2]["time"]
    points = [point["percents"]["green"] for point in made["percents"] if point["balancer"] == "lb1"]
    assert points == [0, 10, 100]
    assert [point["stage"] for point in made["percents"] if point["balancer"] == "lb1"][1] == "not recorded"
    assert [point["time"] for point in made["percents"] if point["balancer"] == "lb1"][1] is None


def test_a_lease_that_an_operator_has_released_was_not_ended_by_its_holder(ledger: Ledger) -> None:
    up_to_ten_percent(begins(ledger))
    ledger.release("the controller was killed")
    made = begins(ledger, "bob@elsewhere").finishes("failed").document
    assert [run["ended"] for run in made["runs"]] == [False, True]
    assert [part["holder"] for part in made["missing"]] == ["ann@pc"]


def test_a_run_that_let_go_of_its_lease_has_sent_everything(ledger: Ledger) -> None:
    first = begins(ledger)
    first.judges("place", require={"slot": "green"}, app1=placed())
    ledger.release("half undone", first.begun.token, first.evidence())
    made = begins(ledger, "bob@elsewhere").finishes("failed").document
    assert [entry["stage"] for entry in made["verdicts"]] == ["place"]
    assert (made["missing"], [run["ended"] for run in made["runs"]]) == ([], [True, True])


def test_what_is_sent_twice_is_there_once(ledger: Ledger) -> None:
    controller = begins(ledger)
    controller.judges("place", require={"slot": "green"}, app1=placed())
    again = controller.state
    controller.commits("place")
    controller.state = again
    controller.judges("gate", lb1=gate())
    made = controller.finishes("active").document
    assert [entry["stage"] for entry in made["verdicts"]] == ["place", "gate"]


def test_one_that_was_given_up_has_a_document_too(ledger: Ledger, clock: SetClock) -> None:
    left = ledger.begin(plan_of("1.0"), "ann@pc", HOLD)
    clock.pass_seconds(HOLD)
    ledger.begin(plan_of("2.0"), "bob@pc", HOLD, abandon=left.deployment)
    made = ledger.storage.document(left.deployment)
    assert made is not None
    assert (made["result"], made["verdict"], made["missing"][0]["holder"]) == ("abandoned", "insufficient", "ann@pc")
    assert made["compensation"]["known"] is False


def test_a_finish_that_is_repeated_returns_the_same_document(ledger: Ledger, clock: SetClock) -> None:
    made = good_canary(ledger, clock)
    again = ledger.finish(made["deployment"], 1, "active")
    assert (again.changed, again.document) == (False, made)


def test_a_document_that_cannot_be_written_keeps_nothing_from_ending(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    controller = begins(ledger)
    monkeypatch.setattr(ledger.storage, "write_document", full)
    answer = controller.finishes("active")
    assert ledger.info()["state"]["active"]["version"] == "1.1"
    assert answer.document["result"] == "active"
    assert "No space left on device" in answer.warnings[0]


def test_events_of_released_versions_make_a_document(tmp_path: Path) -> None:
    shutil.copytree(RELEASED, tmp_path / "ledger")
    ledger = Ledger("shop", root=tmp_path / "ledger", time=SetClock())
    for entry in ledger.info()["state"]["deployments"]:
        events = ledger.storage.events(entry["id"])
        made = document.build(entry["id"], ledger.storage.plan(entry["id"]), events, ledger="u")
        assert (made["result"], made["verdicts"], made["inputs"]) == (entry["result"], [], None)
        assert summary.summary(made)["sent"] is None


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_it_is_at_most_a_megabyte_whatever_was_judged(ledger: Ledger, verdict: str) -> None:
    controller = begins(ledger)
    for number in range(280):
        results = {f"app{host}": gate(verdict, attempts=50) for host in range(40)}
        controller.judges(f"stage {number}", **results)
    controller.judges("undo", require={"verified": True}, lb1=move(10, 0))
    made = controller.finishes("failed").document
    assert len(canonical(made)) <= document.MOST_BYTES
    assert made["left_off"] > 0
    assert made["verdicts"][-1]["hosts"]["lb1"]["percents"] == {"blue": 100, "green": 0}
    assert [point["percents"]["green"] for point in made["percents"]] == [0, 10, 0]


def test_no_secret_comes_into_it(ledger: Ledger) -> None:
    inputs = inputs_for(
        "1.1",
        artifact=f"https://artifacts.example/shop.tar.gz?signature={SECRET}",
        config={"PASSWORD": SECRET},
        components=[{**WEB, "environment": {"TOKEN": SECRET}}],
        hooks=[
            {
                "name": "tell",
                "at": "on_undo",
                "url": f"https://chat.example/{SECRET}?k={SECRET}",
                "headers": {"X": SECRET},
            }
        ],
        smoke_checks=[{"path": f"/a?token={SECRET}", "secret_headers": {"Authorization": SECRET}}],
        bake=60,
        audit={"values": [SECRET], "mask": ["details.reason"]},
        analysis=[
            {
                "name": "errors",
                "type": "http_json",
                "url": f"http://metrics.example/?k={SECRET}",
                "secret_headers": {"Authorization": SECRET},
                "count": 1,
                "success_condition": "result < 1.5",
            }
        ],
    )
    revision = revision_document(
        "1.1", config={"PASSWORD": SECRET}, components=[{**WEB, "environment": {"TOKEN": SECRET}}]
    )
    made = plan(inputs, revision, fleet_of("1.0", None)).plan
    asked = shown(inputs)
    controller = Controller(ledger, ledger.begin(made, "ann@pc", HOLD, inputs=asked))
    controller.judges("gate", lb1=gate())
    found = controller.finishes("active").document
    assert SECRET not in json.dumps(found)
    assert found["inputs"]["artifact"] == "https://artifacts.example/shop.tar.gz"
    assert found["inputs"]["config"] == found["plan"]["revision"]["config"] == ["PASSWORD"]
    assert found["inputs"]["components"][0]["environment"] == ["TOKEN"]
    assert found["inputs"]["hooks"] == ["tell"]
    assert (found["inputs"]["audit"]["mask"], found["inputs"]["audit"]["values"]) == (["details.reason"], None)
    assert found["inputs"]["smoke_checks"] == [{"path": "/a"}]
    assert found["inputs"]["analysis"][0]["success_condition"] == "result < 1.5"


def test_as_many_deployments_are_kept_as_the_history_has(ledger: Ledger, clock: SetClock) -> None:
    names = []
    for number in range(history.KEPT_DEPLOYMENTS + 3):
        clock.pass_seconds(1)
        begun = ledger.begin(plan_of(f"1.{number}"), "ann@pc", HOLD)
        names.append(begun.deployment)
        ledger.finish(begun.deployment, begun.token, "active")
    assert sorted(os.listdir(ledger.storage.directory / "deployments")) == sorted(names[-history.KEPT_DEPLOYMENTS :])


def test_what_has_not_ended_is_never_pruned(ledger: Ledger, clock: SetClock) -> None:
    begun = ledger.begin(plan_of("1.0"), "ann@pc", HOLD)
    ledger.release("parked", begun.token)
    ledger.storage.prune(set())
    assert os.listdir(ledger.storage.directory / "deployments") == [begun.deployment]
    clock.pass_seconds(HOLD)
    assert ledger.begin(plan_of("1.0"), "bob@pc", HOLD).resumed


def test_the_profile_of_the_active_revision_is_there_for_the_next_one(ledger: Ledger, clock: SetClock) -> None:
    profile = {"answered_milli": 50_000, "latency_us": {"p50": 1, "p95": 2, "p99": 3}}
    for version, origin, told in (("1.0", None, {"profile": profile}), ("1.1", "1.0", {}), ("1.0", "1.1", {})):
        begun = ledger.begin(plan_of(version, origin=origin), "ann@pc", HOLD)
        clock.pass_seconds(1)
        ledger.finish(begun.deployment, begun.token, "active", "", told)
        expected = {"version": "1.0", **profile} if version == "1.0" else None
        following = ledger.begin(plan_of("9", origin=version), "ann@pc", HOLD)
        assert following.profile_before == expected
        ledger.finish(following.deployment, following.token, "failed")


def test_a_parked_deployment_has_sent_everything_and_is_one_document(ledger: Ledger) -> None:
    inputs = inputs_for("1.1", rollout="canary", canary_steps=[{"percent": 10, "pause": 60, "park": 1}])
    parking = plan(inputs, revision_document("1.1"), fleet_of("1.0", None)).plan
    first = Controller(ledger, ledger.begin(parking, "ann@pc", HOLD))
    up_to_ten_percent(first)
    ledger.park(first.begun.deployment, first.begun.token, "canary at 10 %", first.evidence())
    ledger.time.pass_seconds(2)  # type: ignore[attr-defined]
    second = Controller(ledger, ledger.begin(parking, "bob@elsewhere", HOLD))
    second.judges("canary at 100 %", require={"verified": True}, lb1=move(10, 100), lb2=move(10, 100))
    made = second.finishes("active").document
    assert (made["missing"], [run["ended"] for run in made["runs"]]) == ([], [True, True])
    assert [point["percents"]["green"] for point in made["percents"] if point["balancer"] == "lb1"] == [0, 10, 100]
    assert [line["action"] for line in made["timeline"]] == ["begin", "commit", "park", "resume", "finish"]
