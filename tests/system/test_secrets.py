# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets through the playbooks on real machines: none stays in an output, in a log or in a file of any of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from tests.system.artifacts import served
from tests.system.fleet import BALANCERS, LAB_INVENTORY, RELEASES, REPOSITORY, Fleet, own_log
from tests.unit.secrets import cases
from tests.unit.secrets.canaries import ISSUED, Scan, canary, in_url
from tests.unit.secrets.runs import echo
from tests.unit.secrets.test_modules import CHANGES_THE_HOST

VERBOSE = ("-vvvv", "--diff")
SEARCHED = (
    "/var/log",
    "/var/lib/slipway",
    "/run/slipway",
    "/etc",
    "/opt/slipway",
    "/tmp",
    "/var/tmp",
    "/root",
    "/home",
)
# What a balancer's agent asks and tells when no controller is there, for root alone, until the watch has ended.
WATCHED = "/watch"
# Where each module acts that changes its host.
ACTS_ON = {"agent_place": "lb2", "lb_structure": "lb1", "lb_switch": "lb1", "ledger": "db1", "release_place": "app1"}
LIBRARY = "/var/tmp/canaries-library"


def _header(name: str) -> dict[str, str]:
    return {"X-Token": canary(name)}


def artifact(address: str) -> str:
    """The archives below an address, for who knows a secret."""
    return f"{address}/shop-{{{{ slipway_version }}}}.tar.gz?token={in_url('lab.artifact.query')}"


def given(fleet: Fleet, directory: Path, here: str, archives: str) -> list[str]:
    """Flags with secrets in artifact, hooks, checks, flags and the audit log.

    :param here: address of a server that repeats what it is asked.
    """
    audit = own_log(directory)["slipway_audit"]
    variables: dict[str, Any] = {
        "slipway_artifact": artifact(archives),
        "slipway_audit": {**audit, "values": [canary("lab.audit.values")]},
        "slipway_reason": "the test says so",
        "slipway_smoke_checks": [{"path": "/plain", "secret_headers": _header("lab.smoke.secret_headers")}],
        "slipway_hooks": [
            {
                "name": "tell",
                "at": "on_undo",
                "url": f"{here}/{in_url('lab.hook.url')}",
                "headers": _header("lab.hook"),
                "timeout": 5,
            }
        ],
        "slipway_flags": [{"name": "search", "strategy": "full"}],
        "slipway_flags_verify": 0,
        "slipway_flags_store": {"kind": "rest", "url": here, "secret_headers": _header("lab.flags"), "timeout": 2},
        "slipway_watch": {"seconds": 60},
    }
    path = directory / "secrets.json"
    path.write_text(json.dumps(variables), encoding="utf-8")
    return ["-e", f"@{path}", *VERBOSE]


def migrating(fleet: Fleet, directory: Path) -> list[str]:
    """Flags for migrations of a database that nobody serves."""
    files = directory / "migrations"
    files.mkdir()
    dsn = f"host={fleet.network}.32 port=1 dbname=shop user=shop password='{canary('lab.dsn')}' connect_timeout=2"
    path = directory / "database.json"
    path.write_text(json.dumps({"slipway_migrations": {"path": str(files), "dsn": dsn}}), encoding="utf-8")
    return ["-e", f"@{path}", *VERBOSE]


def found_on(fleet: Fleet, host: str, names: set[str]) -> list[str]:
    """Files and lines of the journal of a machine that have one of the secrets."""
    pattern = " ".join(f"-e {needle}" for needle in Scan(names).needles)
    files = fleet.inside(host, "sh", "-c", f"grep -rIlF {pattern} {' '.join(SEARCHED)} 2>/dev/null || true")
    journal = fleet.inside(host, "sh", "-c", f"journalctl --no-pager | grep -F {pattern} || true")
    return [*files.split(), *journal.splitlines()]


def require_none_left(fleet: Fleet) -> None:
    """No machine keeps a secret."""
    left = {
        host: [place for place in found_on(fleet, host, ISSUED) if not allowed(host, place)] for host in fleet.hosts
    }
    assert {host: places for host, places in left.items() if places} == {}


def allowed(host: str, place: str) -> bool:
    """Whether a secret may be there."""
    return host in BALANCERS and place.startswith("/var/lib/slipway/balancer/") and WATCHED in place


def test_no_secret_stays_anywhere(fleet: Fleet, tmp_path: Path) -> None:
    with echo("0.0.0.0") as port, served(RELEASES, f"{fleet.network}.1") as archives:
        here = f"http://{fleet.network}.1:{port}"
        flags = given(fleet, tmp_path, here, archives)
        good, bad = fleet.versions.fresh(), fleet.versions.built("2.0.0-slowready")
        unfetched = tmp_path / "unfetched.json"
        unfetched.write_text(json.dumps({"slipway_artifact": artifact(here), "slipway_artifact_sha256": "0" * 64}))
        runs = [
            fleet.run("deploy", "--check", *flags, version=good),
            fleet.deploy(good, *flags),
            fleet.run("deploy", *flags, version=bad, ready_deadline="3"),
            fleet.run("deploy", *flags, "-e", f"@{unfetched}", version=fleet.versions.fresh()),
            fleet.run("rollback", *flags),
            fleet.run("abort", *flags),
            fleet.run("flags", *flags),
            fleet.run("kill_switch", *flags, flag="search"),
            fleet.run("migrate", *flags, *migrating(fleet, tmp_path)),
            fleet.run("status", *flags),
        ]
    codes = {f"{number} {run.playbook}": run.code == 0 for number, run in enumerate(runs)}
    worked = [name for name, well in codes.items() if well]
    assert worked == ["0 deploy", "1 deploy", "4 rollback", "9 status"], codes
    outputs = Scan(ISSUED)
    assert {run.log.name: outputs.text(run.output()) for run in runs} == {run.log.name: set() for run in runs}
    require_none_left(fleet)


def acting(fleet: Fleet, port: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Plays of each module that changes its host, as it is and as operators get it wrong, and their options."""
    plays, options = [], {}
    for module, host in ACTS_ON.items():
        tasks = []
        for number, case in enumerate(cases.CASES[module](port, Path(LIBRARY))):
            reachable = json.loads(json.dumps(case).replace("127.0.0.1", f"{fleet.network}.1"))
            for wrong, arguments in cases.gone_wrong(reachable):
                key = f"{module} {number}, {wrong}"
                options[key] = arguments
                asked = {name: f"{{{{ options[{key!r}][{name!r}] }}}}" for name in arguments}
                tasks.append({"name": key, f"slipway.release.{module}": asked, "ignore_errors": True})
        plays.append({"hosts": host, "gather_facts": False, "become": True, "tasks": tasks})
    return plays, options


def test_no_secret_of_a_module_that_changes_its_host_stays_there(nginx: Fleet, tmp_path: Path) -> None:
    assert sorted(ACTS_ON) == sorted(CHANGES_THE_HOST)
    book, secrets = tmp_path / "play.yml", tmp_path / "secrets.json"
    with echo("0.0.0.0") as port:
        plays, options = acting(nginx, port)
        book.write_text(yaml.safe_dump(plays, width=1000), encoding="utf-8")
        secrets.write_text(json.dumps({"options": options}), encoding="utf-8")
        program = str(Path(sys.executable).parent / "ansible-playbook")
        try:
            done = subprocess.run(
                [program, str(book), "-i", str(LAB_INVENTORY), "-e", f"@{secrets}", *VERBOSE],
                env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=False,
            )
            output = done.stdout + done.stderr
            assert done.returncode == 0 and output.count("TASK [") == len(options), output[-3000:]
            assert Scan(ISSUED).text(output) == set()
            require_none_left(nginx)
        finally:
            for host in set(ACTS_ON.values()):
                nginx.inside(host, "sh", "-c", f"rm -rf {LIBRARY}* /var/lib/slipway/*/canaries")


def test_a_secret_that_stays_is_found(fleet: Fleet) -> None:
    name = f"lab.on.purpose.{time.time_ns()}"
    encoded = "$(printf %s 'user:" + canary(name) + "' | base64 -w 0)"
    for host, line in (
        ("app1", f"echo '{canary(name)}' > /var/tmp/kept"),
        ("app2", f'echo "{encoded}" > /var/tmp/kept'),
        ("lb1", f"logger '{canary(name)}'"),
    ):
        assert found_on(fleet, host, {name}) == []
        fleet.inside(host, "sh", "-c", line)
        assert found_on(fleet, host, {name}) != []
        fleet.inside(host, "rm", "-f", "/var/tmp/kept")
    ISSUED.discard(name)
