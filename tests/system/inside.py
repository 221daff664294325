# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a lab machine and prints what it finds as JSON: ``inside.py QUESTION APP``.

Reads; touches nothing but the readiness of instances, which it asks.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.factory import balancer
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info as balancer_info
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.info import info as release_info
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout

ROOTS = (
    "/opt/slipway",
    "/etc/slipway",
    "/etc/systemd/system",
    "/etc/nginx",
    "/etc/haproxy",
    "/etc/keepalived",
    "/etc/tmpfiles.d",
    "/usr/local/lib/slipway",
    "/usr/local/sbin",
    "/var/lib/slipway",
    "/run/slipway",
)
# What grows without a deployment: ledger entries, journals, what a watch has judged, and the applications' own records.
LEFT_OUT = ("/var/lib/slipway/ledger", "journal.jsonl", "watch_standing.json", "/shared/", "__pycache__")
WITH_WORKERS = ("nginx.service", "haproxy.service")


def main() -> None:
    """Print the answer."""
    question, app = sys.argv[1:]
    answers = {
        "snapshot": snapshot,
        "ledger": ledger,
        "balancer": of_balancer,
        "unready": unready,
        "release": release,
    }
    json.dump(answers[question](app), sys.stdout, sort_keys=True)


def snapshot(_app: str) -> dict[str, Any]:
    """Files and processes of every application of this machine."""
    return {"files": dict(files()), "processes": processes()}


def ledger(app: str) -> dict[str, Any]:
    """What the ledger says, with the files of every deployment that ended or did not."""
    book = Ledger(app)
    deployments = book.storage.directory / "deployments"
    plans = {path.parent.name: json.loads(path.read_text()) for path in sorted(deployments.glob("*/plan.json"))}
    events = {name: book.storage.events(name) for name in plans}
    return {**book.info(), "plans": plans, "events": events}


def of_balancer(app: str) -> dict[str, Any]:
    """What ``lb_info`` returns."""
    return balancer_info(balancer(BalancerConfig.load(app)))


def unready(app: str) -> list[str]:
    """What this balancer uses and does not find ready."""
    config = BalancerConfig.load(app)
    live = balancer(config).live()
    used = [name for slot, names in live.usable.items() if live.percents[slot] for name in names]
    return [name for name in used if not ready(f"http://{config.address(name)}{config.health.path}")]


def ready(address: str) -> bool:
    """An instance says so."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def release(app: str) -> dict[str, Any]:
    """What ``release_info`` returns."""
    return release_info(Host(Layout(app)), [])


def files() -> list[tuple[str, Any]]:
    """Every file below the roots with its type and mode, owner, time of change, size, digest or target."""
    found = []
    for root in ROOTS:
        for path in [Path(root), *sorted(Path(root).rglob("*"))]:
            if (path.exists() or path.is_symlink()) and not any(part in str(path) for part in LEFT_OUT):
                found.append((str(path), description(path)))
    return found


def description(path: Path) -> Any:
    """What must be equal of a file."""
    status = path.lstat()
    if path.is_symlink():
        return [oct(status.st_mode), status.st_uid, status.st_mtime_ns, os.readlink(path)]
    if path.is_dir():
        return [oct(status.st_mode), status.st_uid]
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return [oct(status.st_mode), status.st_uid, status.st_mtime_ns, status.st_size, content]


def processes() -> dict[str, Any]:
    """State and process ids of the services that a deployment could disturb."""
    units = run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", "slipway-*", "nginx.service")
    names = [line.split()[0] for line in units.splitlines() if line.split()[0].endswith((".service", ".timer"))]
    return {name: process(name) for name in sorted({*names, "haproxy.service", "keepalived.service"})}


def process(unit: str) -> list[str]:
    """State, main process and restarts of a unit, and its workers where it has some."""
    shown = run("systemctl", "show", unit, "--property=ActiveState,MainPID,NRestarts,ControlGroup").splitlines()
    values = dict(line.split("=", 1) for line in shown)
    group = values.pop("ControlGroup", "")
    workers = run("systemctl", "show", unit, "--property=MainPID", "--value").strip()
    if unit in WITH_WORKERS and group and workers != "0":
        workers = " ".join(sorted(children(int(workers))))
    return [f"{name}={value}" for name, value in sorted(values.items())] + [workers]


def children(main_process: int) -> list[str]:
    """Process ids below a process."""
    return Path(f"/proc/{main_process}/task/{main_process}/children").read_text(encoding="ascii").split()


def run(*argv: str) -> str:
    """Output of a command."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
