# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real nginx of a lab machine with the sample application behind it.

Touches the machine it runs in: nginx's service and configuration, and slipway's directories. Runs as root inside a
lab machine and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.ask import ask
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig, Sticky
from ansible_collections.slipway.release.plugins.module_utils._balancer.nginx import Nginx
from ansible_collections.slipway.release.plugins.module_utils._balancer.nginx_service import NginxService
from ansible_collections.slipway.release.plugins.module_utils._balancer.structure import Installed, Structure, install
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, Outcome, switch
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

from tests.integration.machine import PORTS, Instance, run

REPOSITORY = Path(__file__).resolve().parents[3]
TEMPLATES = REPOSITORY / "roles/balancer/templates"
SITE_PACKAGES = REPOSITORY / ".cache/venv-oldest/lib/python3.11/site-packages"
PROCESS_FILE = Path("/etc/nginx/modules-enabled/slipway.conf")
MAIN_FILE = Path("/etc/nginx/nginx.conf")
WORKER_CONNECTIONS = 8192
DEFAULT_SITE = Path("/etc/nginx/sites-enabled/default")
SHOP = BalancerConfig(
    app="shop",
    kind="nginx",
    port=8080,
    servers={
        slot: {host: f"127.0.0.1:{PORTS[f'{slot}-{host}']}" for host in ("app1", "app2")} for slot in ("blue", "green")
    },
)
BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}
IN_LAB = Path("/run/host/container-manager").exists()
collect_ignore_glob = [] if IN_LAB else ["test_*.py"]


class Host:
    """nginx of this machine, set up as the role does."""

    def __init__(self, config: BalancerConfig) -> None:
        self.shutdown_timeout = 60
        self.use(config)

    def use(self, config: BalancerConfig) -> None:
        """Take another configuration; ``install`` makes nginx use it."""
        self.config = config
        self.balancer = Nginx(config)
        self.service = NginxService(config)
        self.file = Path(f"/etc/nginx/conf.d/slipway-{config.app}.conf")

    def render(self, template: str) -> str:
        """One of the role's templates for this configuration."""
        variables = {
            "ansible_managed": "Ansible managed",
            "balancer_config": self.config.to_dict(),
            "balancer_structure_digest": "@STRUCTURE@",
            "balancer_state_directory": str(self.balancer.directory.parent),
            "balancer_run_directory": str(self.balancer.run_directory.parent),
            "balancer_nginx_idle_connections": 64,
            "balancer_nginx_idle_ms": 50,
            "balancer_nginx_client_max_body_size": "16m",
            "balancer_nginx_connect_timeout": 1,
            "balancer_nginx_timeout": 300,
            "balancer_nginx_retry_seconds": 5,
            "balancer_nginx_ipv6": False,
            "balancer_nginx_shutdown_timeout": self.shutdown_timeout,
            "balancer_nginx_worker_connections": WORKER_CONNECTIONS,
        }
        rendered = subprocess.run(
            [sys.executable, "-B", str(Path(__file__).with_name("render.py")), str(TEMPLATES / template)],
            input=json.dumps(variables),
            env={"PYTHONPATH": str(SITE_PACKAGES), "PATH": os.environ["PATH"]},
            check=True,
            capture_output=True,
            text=True,
        )
        return rendered.stdout

    def structure(self, extra: str = "") -> Structure:
        """What the role gives to ``lb_structure``."""
        config = json.dumps(self.config.to_dict())
        return Structure(
            {
                PROCESS_FILE: self.render("nginx_process.conf.j2"),
                self.file: self.render("nginx.conf.j2") + extra,
                Path(f"/etc/slipway/balancer/{self.config.app}.json"): config,
            }
        )

    def install(self, extra: str = "", deadline: int = 10) -> Installed:
        """Install the structure."""
        return install(self.service, self.structure(extra), deadline=deadline)

    def remove(self) -> None:
        """Remove the application from this balancer."""
        self.file.unlink(missing_ok=True)
        for directory in (self.balancer.directory, self.balancer.run_directory):
            shutil.rmtree(directory, ignore_errors=True)

    def switch(self, token: int = 0, **change: Any) -> Outcome:
        """Change what the balancer does, as ``lb_switch`` does."""
        return switch(self.balancer, Fence(self.balancer.directory, token), Change(**change))

    def reset(self) -> None:
        """All traffic to blue, all servers ready, open."""
        servers = dict.fromkeys(self.config.all_instances(), "ready")
        down = dict.fromkeys(self.config.all_instances(), False)
        self.switch(
            percents=BLUE, stable="blue", servers=servers, down=down, settle=True, force=True, initial=True, open=True
        )

    def processes(self) -> tuple[int, ...]:
        """The master and its workers."""
        master = int(Path("/run/nginx.pid").read_text())
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return (master, *sorted(map(int, children)))

    def routes(self) -> Counter[str]:
        """How many buckets the running nginx sends to each server, all of them asked."""
        answers = ask(self.config.status_port, [f"/bucket/b{bucket:03d}" for bucket in range(1000)])
        prefix = f"slipway_{self.config.app}_"
        return Counter(answer.text.strip()[len(prefix) :] for answer in answers)


def with_sticky(config: BalancerConfig, by: str, name: str = "") -> BalancerConfig:
    """The configuration with another sticky key."""
    return replace(config, sticky=Sticky(by, name))


@pytest.fixture(scope="session")
def instances() -> Iterator[dict[str, Instance]]:
    """Two instances of the sample application in each slot."""
    found = {name: Instance(name) for name in PORTS}
    try:
        yield found
    finally:
        for instance in found.values():
            instance.end()


def allow_connections(number: int) -> None:
    """Write into nginx's main file how many connections a worker may have."""
    text = MAIN_FILE.read_text(encoding="utf-8")
    MAIN_FILE.write_text(re.sub(r"worker_connections \d+", f"worker_connections {number}", text), encoding="utf-8")


@pytest.fixture(scope="session")
def machine() -> Iterator[None]:
    """nginx with nothing of ours; stopped afterwards."""
    run("systemctl", "stop", "nginx")
    DEFAULT_SITE.unlink(missing_ok=True)
    DEFAULT_SITE.symlink_to("/etc/nginx/sites-available/default")
    for path in Path("/etc/nginx/conf.d").glob("*.conf"):
        path.unlink()
    PROCESS_FILE.unlink(missing_ok=True)
    for directory in ("/var/lib/slipway", "/run/slipway", "/etc/slipway"):
        shutil.rmtree(directory, ignore_errors=True)
    allow_connections(WORKER_CONNECTIONS)
    yield
    run("systemctl", "stop", "nginx")


@pytest.fixture
def host(machine: None, instances: dict[str, Instance]) -> Iterator[Host]:
    """nginx with all traffic on blue and all instances running."""
    for instance in instances.values():
        instance.start()
    made = Host(SHOP)
    made.install()
    made.reset()
    yield made
    made.use(SHOP)
    made.remove()
