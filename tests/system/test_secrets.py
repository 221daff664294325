# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets through the playbooks on real machines: none stays in an output, in a log or in a file of any of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.system.fleet import BALANCERS, Fleet
from tests.unit.secrets.canaries import ISSUED, Scan, canary, core, in_url
from tests.unit.secrets.runs import echo

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


def _header(name: str) -> dict[str, str]:
    return {"X-Token": canary(name)}


def given(fleet: Fleet, directory: Path, port: int) -> list[str]:
    """Flags with secrets in hooks, checks, metrics, flags and the database's connection."""
    here = f"http://{fleet.network}.1:{port}"
    variables: dict[str, Any] = {
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


def found_on(fleet: Fleet, host: str, cores: list[str]) -> list[str]:
    """Files and lines of the journal of a machine that have one of the secrets."""
    pattern = "|".join(cores)
    files = fleet.inside(host, "sh", "-c", f"grep -rIlE '{pattern}' {' '.join(SEARCHED)} 2>/dev/null || true")
    journal = fleet.inside(host, "sh", "-c", f"journalctl --no-pager | grep -E '{pattern}' || true")
    return [*files.split(), *journal.splitlines()]


def test_no_secret_stays_anywhere(nginx: Fleet, tmp_path: Path) -> None:
    with echo("0.0.0.0") as port:
        flags = given(nginx, tmp_path, port)
        good, bad = nginx.versions.fresh(), nginx.versions.built("2.0.0-slowready")
        runs = [
            nginx.run("deploy", "--check", *flags, version=good),
            nginx.deploy(good, *flags),
            nginx.run("deploy", *flags, version=bad, ready_deadline="3"),
            nginx.run("rollback", *flags),
            nginx.run("abort", *flags),
            nginx.run("flags", *flags),
            nginx.run("kill_switch", *flags, flag="search"),
            nginx.run("migrate", *migrating(nginx, tmp_path)),
            nginx.run("status", *flags),
        ]
    codes = {f"{number} {run.playbook}": run.code == 0 for number, run in enumerate(runs)}
    assert [worked for _name, worked in sorted(codes.items())][:4] == [True, True, False, True], codes
    assert not codes["7 migrate"]
    outputs = Scan(ISSUED)
    assert {run.log.name: outputs.text(run.log.read_text(encoding="utf-8")) for run in runs} == {
        run.log.name: set() for run in runs
    }
    cores = [core(name) for name in sorted(ISSUED)]
    left = {host: found_on(nginx, host, cores) for host in nginx.hosts}
    left = {host: [place for place in places if not allowed(host, place)] for host, places in left.items()}
    assert {host: places for host, places in left.items() if places} == {}


def allowed(host: str, place: str) -> bool:
    """Whether a secret may be there."""
    return host in BALANCERS and place.startswith("/var/lib/slipway/balancer/") and WATCHED in place


def test_a_secret_that_stays_is_found(nginx: Fleet) -> None:
    name = "lab.on.purpose"
    for host, line in (("app1", f"echo '{canary(name)}' > /var/tmp/kept"), ("lb1", f"logger '{canary(name)}'")):
        assert found_on(nginx, host, [core(name)]) == []
        nginx.inside(host, "sh", "-c", line)
        assert found_on(nginx, host, [core(name)]) != []
    nginx.inside("app1", "rm", "/var/tmp/kept")
