# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log of real deployments: what was done is in the log of the host that did it, in order, and is proven."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.operator import PlaybookRun
from tests.system.fleet import APPLICATION, BALANCERS, LEDGER, WATCHING, Fleet, wait_until

LOG = "/var/lib/slipway/audit/deployments/current.jsonl"
REASON = "users report errors"
SLOWLY = {"slipway_rollout": "canary", "slipway_canary_steps": [{"percent": 50, "pause": 600}]}
RECAP = re.compile(r"^(\S+) +: (ok=.*)$", re.MULTILINE)


def events(fleet: Fleet, host: str, since: int = 0) -> list[dict[str, Any]]:
    """The events of a host's log that came after a number of records."""
    lines = fleet.inside(host, "cat", LOG).splitlines()
    return [json.loads(line)["event"] for line in lines[since:]]


def length(fleet: Fleet, host: str) -> int:
    """How many records a host's log has."""
    return len(fleet.inside(host, "cat", LOG).splitlines())


def outcomes(found: list[dict[str, Any]], kind: str) -> list[tuple[str, str, str]]:
    """Operation, outcome and result of what has ended."""
    return [
        (it["operation"], it["outcome"], it.get("result", ""))
        for it in found
        if it["type"] == kind and it["stage"] == "outcome"
    ]


def require_matched(found: list[dict[str, Any]]) -> None:
    """Each intent is followed by its outcome."""
    intents = [it["id"] for it in found if it["stage"] == "intent"]
    assert intents and intents == [
        it["correlation"] for it in found if it["stage"] == "outcome" and it["type"] != "audit.log"
    ]


def signing(directory: Path) -> dict[str, str]:
    """Settings with which the end of the ledger host's log is signed."""
    key = directory / "audit.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {"signing_key": str(key), "checkpoint_directory": str(directory / "kept")}


def work(run: PlaybookRun) -> tuple[list[str], dict[str, str]]:
    """The tasks of a run in their order, and how many results of each kind every host has."""
    output = run.output()
    tasks = [line for line in output.splitlines() if line.startswith("TASK [")]
    return tasks, {host: " ".join(counts.split()) for host, counts in RECAP.findall(output)}


def test_a_deployment_and_its_rollback_are_told_by_every_host_and_proven(fleet: Fleet, tmp_path: Path) -> None:
    given = json.dumps({"slipway_audit": signing(tmp_path), "slipway_environment": "lab"})
    before = fleet.active()
    had = {host: length(fleet, host) for host in (*BALANCERS, *APPLICATION, LEDGER)}
    was = {host: fleet.percents(host) for host in BALANCERS}
    version = fleet.versions.fresh()
    fleet.deploy(version, "-e", given)
    told = events(fleet, LEDGER, had[LEDGER])
    require_matched(told)
    done = outcomes(told, "deployment")
    assert done[0] == ("begin", "success", "begun") and done[-1] == ("finish", "success", "active")
    assert {operation for operation, _outcome, _result in done[1:-1]} == {"commit"}
    first, last = told[0], told[-1]
    assert first["initiator"]["user"] and first["version"] == version and first["environment"] == "lab"
    assert last["deployment"] == fleet.ledger()["state"]["deployments"][-1]["id"] and last["token"] > 0
    assert {head["host"] for head in last["details"]["heads"]} >= set(BALANCERS)
    for host in BALANCERS:
        moved = events(fleet, host, had[host])
        require_matched(moved)
        acts = [it["details"] for it in moved if it["type"] == "traffic" and it.get("result") == "changed"]
        turns = [(it["from"], it["to"]) for it in acts if it["from"] != it["to"]]
        assert turns == [(was[host], fleet.percents(host))]
    for host in APPLICATION:
        assert ("present", "success", "changed") in outcomes(events(fleet, host, had[host]), "place")

    again = {host: length(fleet, host) for host in had}
    fleet.deploy(version, "-e", given)
    assert {host: length(fleet, host) for host in had} == again

    returned = fleet.run("rollback", "-e", given)
    assert returned.code == 0, returned.reason()
    fleet.require_active(before["version"])
    assert outcomes(events(fleet, LEDGER, again[LEDGER]), "deployment")[-1] == ("finish", "success", "active")
    assert events(fleet, LEDGER)[-1]["version"] == before["version"]

    verified = fleet.run("audit_verify", "-e", given)
    assert verified.code == 0, verified.reason()
    assert f"{LEDGER}: intact" in verified.output()

    fleet.inside(LEDGER, "sed", "-i", "0,/begun/s//begin/", LOG)
    try:
        broken = fleet.run("audit_verify", "-e", given)
        assert broken.code != 0 and f"{LEDGER}: broken" in broken.output()
    finally:
        fleet.inside(LEDGER, "sed", "-i", '0,/"result":"begin"/s//"result":"begun"/', LOG)
    assert fleet.run("audit_verify", "-e", given).code == 0


def test_a_controller_that_was_killed_and_what_an_abort_returned_are_in_the_log(fleet: Fleet) -> None:
    version, had = fleet.versions.fresh(), length(fleet, LEDGER)
    run = fleet.start("deploy", "-e", json.dumps(SLOWLY), version=version)
    run.wait_for(WATCHING)
    run.kill()
    deployment = fleet.ledger()["unfinished"]["deployment"]
    shown = fleet.run("audit_verify")
    assert shown.code == 0, shown.reason()
    assert "not ended" in shown.output() and deployment in shown.output()

    ended = fleet.run("abort", reason=REASON)
    assert ended.code == 0, ended.reason()
    last = events(fleet, LEDGER, had)[-1]
    assert (last["operation"], last["result"], last["deployment"]) == ("finish", "aborted", deployment)
    assert REASON in last["details"]["reason"]
    for host in BALANCERS:
        assert any(it["type"] == "traffic" and it.get("result") == "changed" for it in events(fleet, host)[-6:])


def test_a_log_that_cannot_be_written_stops_a_deployment_and_no_way_back(fleet: Fleet) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    run = fleet.start("deploy", "-e", json.dumps(SLOWLY), version=version)
    run.wait_for(WATCHING)
    hosts = (*BALANCERS, *APPLICATION, LEDGER)
    for host in hosts:
        fleet.inside(host, "mv", LOG, f"{LOG}.aside")
        fleet.inside(host, "mkdir", LOG)
    try:
        run.kill()
        ended = fleet.run("abort", reason=REASON)
        assert ended.code == 0, ended.reason()
        assert "audit log does not have this act" in ended.output()
        fleet.require_active(before["version"])
        refused = fleet.run("deploy", version=version)
        assert refused.code != 0 and "audit log cannot be written" in refused.reason()
    finally:
        for host in hosts:
            fleet.inside(host, "rmdir", LOG)
            fleet.inside(host, "mv", f"{LOG}.aside", LOG)
    fleet.deploy(version)


def test_a_deployment_makes_no_task_for_it(nginx: Fleet, tmp_path: Path, figures: list[str]) -> None:
    nginx.deploy(nginx.versions.fresh())
    settings = signing(tmp_path)
    runs, written = {}, {}
    for enabled in (False, True):
        had = length(nginx, LEDGER)
        given = {"slipway_audit": {**settings, "enabled": enabled}}
        runs[enabled] = nginx.deploy(nginx.versions.fresh(), "-e", json.dumps(given))
        written[enabled] = length(nginx, LEDGER) - had
    assert written[True] > 0 and written[False] == 0
    (tasks, results), (without, results_without) = work(runs[True]), work(runs[False])
    assert len(tasks) > 20 and set(results) >= set(nginx.hosts)
    assert tasks == without
    assert results == results_without
    ratio = runs[True].seconds / runs[False].seconds
    figures.append(f"a deployment with its audit log takes {ratio:.2f} times as long as without, {len(tasks)} tasks")


def test_an_agent_that_returned_the_traffic_by_itself_says_so_in_the_log_of_its_host(fleet: Fleet) -> None:
    version, had = fleet.versions.fresh(), {host: length(fleet, host) for host in BALANCERS}
    run = fleet.start("deploy", "-e", json.dumps(SLOWLY), version=version, lease_seconds="60")
    run.wait_for(WATCHING)
    run.kill()
    deployment = fleet.ledger()["unfinished"]["deployment"]

    def unwritten() -> str:
        """Balancers whose agent has not written that it returned the traffic."""
        return " ".join(host for host in BALANCERS if not returns(fleet, host, had[host]))

    wait_until(unwritten, 120, "every agent has written that it returned the traffic")
    for host in BALANCERS:
        (event,) = returns(fleet, host, had[host])
        assert (event["deployment"], event["outcome"], event["result"]) == (deployment, "success", "returned")
        assert "ran out" in event["details"]["reason"] and event["version"] == version
        assert event["details"]["to"] == fleet.percents(host)

    shown = fleet.run("audit_verify")
    assert shown.code == 0, shown.reason()
    assert shown.output().count("returned by itself") >= len(BALANCERS) and deployment in shown.output()
    ended = fleet.run("abort", reason=REASON)
    assert ended.code == 0, ended.reason()
    with TemporaryDirectory() as directory:
        given = {"slipway_reports_directory": directory, "slipway_deployment": deployment}
        made = fleet.run("deployment_report", "-e", json.dumps(given))
        assert made.code == 0, made.reason()
        (figures,) = (json.loads(path.read_text("utf-8")) for path in Path(directory).glob("*.json"))
        (page,) = (path.read_text("utf-8") for path in Path(directory).glob("*.html"))
    assert {one["log"] for one in figures["returned"]} == {f"{host}/deployments" for host in BALANCERS}
    assert figures["unread"] == [] and "Traffic that balancers have returned by themselves" in page


def returns(fleet: Fleet, host: str, since: int) -> list[dict[str, Any]]:
    """What an agent has written."""
    return [it for it in events(fleet, host, since) if it["operation"] == "return"]
