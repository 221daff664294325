# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of a deployment, beside what the test has seen of it itself: percents, requests, and what ended how."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.system.fleet import BALANCERS, LEDGER, OTHER, WATCHING, Fleet
from tests.system.test_undo import without_a_mailer_that_starts

CANARY = {
    "slipway_rollout": "canary",
    "slipway_canary_steps": [{"percent": 20, "pause": 4}, {"percent": 60, "pause": 4}],
}
SECRET = "canary-s3cr3t"
HOOK = {"name": "tell", "at": "on_undo", "url": f"http://127.0.0.1:9/{SECRET}", "headers": {"X": SECRET}, "timeout": 2}


class Seen:
    """The percents of the new slot that the balancers really applied, each once in a row, by balancer."""

    def __init__(self) -> None:
        self.samples: dict[str, list[int]] = {host: [] for host in BALANCERS}

    def course(self, host: str) -> list[int]:
        return [percent for percent, _same in groupby(self.samples[host])]


@contextmanager
def watched(fleet: Fleet, slot: str) -> Iterator[Seen]:
    """Ask the running balancers again and again."""
    seen, ended = Seen(), threading.Event()

    def ask() -> None:
        while not ended.is_set():
            for host in BALANCERS:
                seen.samples[host].append(fleet.percents(host)[slot])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield seen
    finally:
        ended.set()
        asking.join()
    for host in BALANCERS:
        seen.samples[host].append(fleet.percents(host)[slot])


def document_of(fleet: Fleet, directory: Path) -> dict[str, Any]:
    """The document of the last deployment: the one copy on this controller, which is the one on the ledger host."""
    deployment = fleet.ledger()["state"]["deployments"][-1]["id"]
    copy = (directory / fleet.app / f"{deployment}.json").read_text(encoding="utf-8")
    kept = f"/var/lib/slipway/ledger/{fleet.app}/deployments/{deployment}/evidence.json"
    assert fleet.inside(LEDGER, "cat", kept) == copy
    made: dict[str, Any] = json.loads(copy)
    return made


def course(made: dict[str, Any], host: str) -> list[int]:
    """The share of the new slot over time, as the document has it."""
    return [point["percents"][made["slot"]] for point in made["percents"] if point["balancer"] == host]


def test_a_good_canary_is_in_its_document_as_it_was_seen(fleet: Fleet, tmp_path: Path) -> None:
    slot, version = OTHER[fleet.active()["slot"]], fleet.versions.fresh()
    given = {**CANARY, "slipway_profile": {"seconds": 2}}
    with watched(fleet, slot) as seen, fleet.traffic() as measured:
        fleet.deploy(version, "-e", json.dumps(given), evidence_directory=str(tmp_path))
    made = document_of(fleet, tmp_path)
    assert (made["result"], made["verdict"], made["to"]["version"]) == ("active", "pass", version)
    for host in BALANCERS:
        assert course(made, host) == seen.course(host) == [0, 20, 60, 100]
    assert [(move["balancer"], move["stage"]) for move in made["moves"]] == [
        (host, f"canary at {percent} %") for percent in (20, 60, 100) for host in BALANCERS
    ]
    assert sum(move["lost"] for move in made["moves"]) == measured.summary["total"]["lost"] == 0
    assert all(move["sent"] > 0 for move in made["moves"])
    profile = made["profile"]
    assert 0 < profile["latency_us"]["p50"] <= profile["latency_us"]["p99"]
    assert (made["missing"], made["compensation"]["needed"], made["left_off"]) == ([], False, 0)
    status = fleet.run("status").output()
    assert f"last deployment {made['deployment']} of {version}: active" in " ".join(status.split())


def test_a_failed_deployment_says_what_went_back_and_holds_no_secret(nginx: Fleet, tmp_path: Path) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    slot = OTHER[before["slot"]]
    given = {**without_a_mailer_that_starts(), "slipway_hooks": [HOOK], "slipway_canary_steps": [{"percent": 20}]}
    given["slipway_rollout"] = "canary"
    with watched(nginx, slot) as seen:
        done = nginx.run("deploy", "-e", json.dumps(given), version=version, evidence_directory=str(tmp_path))
    assert done.code != 0
    made = document_of(nginx, tmp_path)
    assert (made["result"], made["verdict"]) == ("failed", "fail")
    for host in BALANCERS:
        assert course(made, host) == seen.course(host) == [0, 20, 100, 0]
    failed = [entry["stage"] for entry in made["verdicts"] if entry["verdict"] == "fail"]
    assert failed == ["handover, start", "hook tell at on_undo"]
    told = made["compensation"]
    assert told["done"] == [
        f"The traffic is on slot {before['slot']}.",
        f"Slot {slot} is stopped and marked failed on app1, app2, app3.",
    ]
    assert [sentence.partition(":")[0] for sentence in told["by_hand"]] == ["Hooks failed"]
    for sentence in [*told["done"], *told["by_hand"]]:
        assert " ".join(sentence.split()) in done.reason()
    events = f"/var/lib/slipway/ledger/{nginx.app}/deployments/{made['deployment']}/events.jsonl"
    assert SECRET not in json.dumps(made) + nginx.inside(LEDGER, "cat", events)


def test_one_that_another_controller_has_resumed_has_one_document(nginx: Fleet, tmp_path: Path) -> None:
    slot, version = OTHER[nginx.active()["slot"]], nginx.versions.fresh()
    given = ("-e", json.dumps(CANARY))
    run = nginx.start("deploy", *given, version=version, evidence_directory=str(tmp_path / "first"))
    run.wait_for(WATCHING)
    run.kill()
    released = nginx.run("release_lease", reason="the controller was killed")
    assert released.code == 0, released.reason()
    with watched(nginx, slot) as seen:
        nginx.deploy(version, *given, evidence_directory=str(tmp_path / "second"))
    assert not (tmp_path / "first").exists()
    made = document_of(nginx, tmp_path / "second")
    assert [(run["took_up"], run["ended"]) for run in made["runs"]] == [("begin", False), ("resume", True)]
    assert [part["token"] for part in made["missing"]] == [made["runs"][0]["token"]]
    assert {entry["token"] for entry in made["verdicts"]} == {run["token"] for run in made["runs"]}
    for host in BALANCERS:
        assert course(made, host) == [0, *seen.course(host)] == [0, 20, 60, 100]
        first = [point for point in made["percents"] if point["balancer"] == host][1]
        assert (first["stage"], first["time"]) == ("not recorded", None)
