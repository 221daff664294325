# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook compliance_report.yml on logs of a ledger host and a balancer, which the ledger host's log proves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._audit.note import Checkpoint
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Kept, Signer
from ansible_collections.slipway.release.plugins.modules import compliance_report
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.audit.test_note import pem

from ..running import module_result
from .quarters import START, STREAM, Fleet, Host, shown

TOP = Path(__file__).parents[3]
COLLECTIONS = Path(compliance_report.__file__ or "").parents[5]
DAY = 86_400_000
NAMES = ("db1", "lb1")


class Scene:
    """Two hosts that are this computer, each with a log of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.fleet = Fleet(directory)
        self.fleet.deploys(START - DAY, "1.0")
        self.failed = self.fleet.deploys(START + DAY, "1.1", result="failed")
        end = self.fleet.balancer.written()
        details = {"heads": [shown(self.fleet.balancer, end)]}
        self.fleet.ledger.writes(START + 3 * DAY, type="lease", operation="release", outcome="success", details=details)
        self.sign()

    def sign(self) -> None:
        """Sign where the ledger host's log ends, as its last record of a run is signed."""
        key = self.directory / "key.pem"
        key.write_bytes(pem(Ed25519PrivateKey.generate()))
        signer = Signer(key, "slipway.release/audit")
        kept = Kept(str(self.directory / "kept"), f"db1/{STREAM}")
        kept.trust(signer.key)
        head = self.fleet.ledger.written()
        checkpoint = Checkpoint(f"db1/{STREAM}", head.seq, head.hash, head.segment)
        kept.keep(checkpoint, signer.signed(checkpoint))

    def run(self, *more: str) -> tuple[int, str]:
        """Run the playbook."""
        common: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_become": False,
            "slipway_ledger_host": "db1",
            "slipway_report_period": "2026-Q3",
            "slipway_environment": "production",
            "slipway_reports_directory": str(self.directory / "out"),
            "slipway_flags_hosts": ["flags"],
            "slipway_audit": {
                "checkpoint_directory": str(self.directory / "kept"),
                "directory": f"{self.directory}/{{{{ inventory_hostname }}}}",
            },
        }
        hosts: dict[str, Any] = {name: {} for name in (*NAMES, "flags1")}
        groups = {"balancers": {"hosts": {"lb1": None}}, "application": {"hosts": {"app1": None}}}
        groups["flags"] = {"hosts": {"flags1": None}}
        inventory = {"all": {"vars": common, "hosts": {**hosts, "app1": None}, "children": groups}}
        (self.directory / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        program = str(Path(sys.executable).parent / "ansible-playbook")
        book = str(TOP / "playbooks" / "compliance_report.yml")
        done = subprocess.run(
            [program, "-i", "hosts.yml", book, *more],
            cwd=self.directory,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def figures(self) -> dict[str, Any]:
        """What the playbook wrote."""
        path = self.directory / "out" / "compliance-2026-Q3-production.json"
        made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return made


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_report_of_all_hosts_is_proven_by_what_was_signed_of_one(scene: Scene) -> None:
    code, output = scene.run("--check")
    assert code == 0 and not (scene.directory / "out").exists(), output
    code, output = scene.run()
    assert code == 0 and "compliance-2026-Q3-production.html" in output, output
    made = scene.figures()
    assert (made["verdict"], [log["verdict"] for log in made["logs"]]) == ("intact", ["intact", "intact"])
    assert made["dora"]["change_failure_rate"]["failures"] == 1
    assert [one["deployment"] for one in made["incidents"]] == [scene.failed]
    page = (scene.directory / "out" / "compliance-2026-Q3-production.html").read_bytes()
    code, output = scene.run()
    assert code == 0 and "changed=0" in output and "changed=1" not in output, output
    assert (scene.directory / "out" / "compliance-2026-Q3-production.html").read_bytes() == page


def test_a_kill_switch_is_in_the_report_wherever_flags_are_kept(scene: Scene) -> None:
    for place, name in enumerate(("flags1", "localhost", "app1")):
        host = Host(scene.directory, name)
        at = START + place * DAY
        host.acts(at, 1, "flag", "kill", target=f"flag-{name}", environment="production", initiator={"user": "ann@pc"})
        host.written()
    code, output = scene.run()
    assert code == 0, output
    made = scene.figures()
    assert [one["target"] for one in made["kill_switches"]] == ["flag-flags1", "flag-localhost", "flag-app1"]
    assert made["verdict"] == "unproven"


@pytest.mark.parametrize("host", NAMES)
def test_a_log_that_was_written_anew_makes_no_report(scene: Scene, host: str) -> None:
    path = scene.directory / host / STREAM / "current.jsonl"
    again = Fleet(scene.directory / "again")
    again.deploys(START - DAY, "1.0")
    again.deploys(START + DAY, "1.1")
    for number in range(40):
        again.ledger.writes(START + 2 * DAY + number, type="flag", operation="set", outcome="success")
        again.balancer.writes(START + 2 * DAY + number, type="flag", operation="set", outcome="success")
    forged = again.ledger if host == "db1" else again.balancer
    forged.written()
    path.write_bytes(forged.files.current.read_bytes())
    code, output = scene.run()
    assert code != 0 and "the audit log is broken" in " ".join(output.split()), output
    assert not (scene.directory / "out").exists()


def test_the_module_reads_without_its_action(scene: Scene) -> None:
    found = module_result(
        compliance_report, stream=STREAM, directory=str(scene.directory / "db1"), period="2026-Q3", write=False
    )
    assert found["parts"][0]["log"]["verdict"] == "unproven" and not found["changed"]
    refused = module_result(compliance_report, stream="none", directory=str(scene.directory), period="2026-Q3")
    assert refused["failed"] and "no such audit log" in refused["msg"]
    refused = module_result(compliance_report, stream=STREAM, directory=str(scene.directory / "db1"), period="soon")
    assert refused["failed"] and "2026-Q4" in refused["msg"]
