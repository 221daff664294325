# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HAProxy of a lab machine with one application behind it.

Touches the machine it runs in: HAProxy's service and configuration, and slipway's directories. Runs as root inside a
lab machine and nowhere else.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import DIRECTORY, BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy import HAProxy
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_service import (
    OWN_DIRECTORY,
    HAProxyService,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State, whole
from ansible_collections.slipway.release.plugins.module_utils._balancer.structure import (
    PLACEHOLDER,
    Installed,
    Structure,
    install,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, Outcome, switch
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

from tests.integration.machine import PORTS, Instance, get, listens, run, wait_until

REPOSITORY = Path(__file__).resolve().parents[3]
ROLE = REPOSITORY / "roles/balancer"
SITE_PACKAGES = REPOSITORY / ".cache/venv-oldest/lib/python3.11/site-packages"
MAIN = Path("/etc/haproxy/haproxy.cfg")
LIBRARY = Path("/usr/local/lib/slipway")
PORT = 8080
PREVIEW_PORT = 8480
CONFIG = BalancerConfig(
    app="shop",
    kind="haproxy",
    port=PORT,
    preview_port=PREVIEW_PORT,
    servers={
        slot: {host: f"127.0.0.1:{PORTS[f'{slot}-{host}']}" for host in ("app1", "app2")} for slot in ("blue", "green")
    },
)
IN_LAB = Path("/run/host/container-manager").exists() or Path("/mnt/slipway").exists()
collect_ignore_glob = [] if IN_LAB else ["test_*.py"]


class Host:
    """HAProxy of this machine, set up as the role does.

    :param edit: changes the application's part of the configuration.
    :param variables: variables of the role that have other values than its defaults.
    """

    def __init__(
        self, config: BalancerConfig, edit: Callable[[str], str] = lambda text: text, **variables: str
    ) -> None:
        self.config = config
        self.edit = edit
        self.variables = variables
        self.balancer = HAProxy(config)
        self.token = 1

    @staticmethod
    def defaults() -> dict[str, str]:
        """The role's defaults for HAProxy."""
        lines = (ROLE / "defaults/main/haproxy.yml").read_text(encoding="utf-8").splitlines()
        return {
            name: value.strip().strip('"') for name, colon, value in (line.partition(":") for line in lines) if colon
        }

    def render(self) -> dict[str, str]:
        """The role's templates for this configuration."""
        variables = {
            "ansible_managed": "Ansible managed",
            "balancer_config": self.config.to_dict(),
            "balancer_structure_digest": PLACEHOLDER,
            **self.defaults(),
            **self.variables,
            "balancer_state_directory": str(self.balancer.directory.parent),
            "balancer_run_directory": str(self.balancer.run_directory.parent),
        }
        answer = subprocess.run(
            ["python3", "-B", str(Path(__file__).with_name("render.py")), str(ROLE / "templates")],
            input=json.dumps(variables),
            env={"PYTHONPATH": str(SITE_PACKAGES), "PATH": os.environ["PATH"]},
            check=True,
            capture_output=True,
            text=True,
        )
        texts: dict[str, str] = json.loads(answer.stdout)
        return texts

    def structure(self) -> Structure:
        """The files the role installs."""
        texts = self.render()
        app = self.config.app
        return Structure(
            {
                Path(f"/etc/tmpfiles.d/slipway-{app}-haproxy.conf"): texts["haproxy_tmpfiles.conf.j2"],
                Path("/etc/systemd/system/slipway-haproxy.service"): texts["haproxy_prepare.service.j2"],
                Path("/etc/systemd/system/haproxy.service.d/slipway.conf"): texts["haproxy_unit.conf.j2"],
                OWN_DIRECTORY / "00-slipway.cfg": texts["haproxy_global.cfg.j2"],
                OWN_DIRECTORY / f"{app}.cfg": self.edit(texts["haproxy.cfg.j2"]),
                DIRECTORY / f"{app}.json": json.dumps(self.config.to_dict()),
            }
        )

    def install(self) -> Installed:
        """Bring the running HAProxy to this configuration, as the role does."""
        OWN_DIRECTORY.mkdir(parents=True, exist_ok=True)
        options = f"-S /run/haproxy-master.sock -f {OWN_DIRECTORY}"
        Path("/etc/default/haproxy").write_text(f'EXTRAOPTS="{options}"\n', encoding="utf-8")
        collection = LIBRARY / "ansible_collections/slipway/release/plugins/module_utils"
        for part in ("_balancer", "_common"):
            shutil.copytree(REPOSITORY / "plugins/module_utils" / part, collection / part, dirs_exist_ok=True)
        return install(HAProxyService(self.config), self.structure())

    def restart(self) -> None:
        """Restart HAProxy's service and wait until it answers."""
        run("systemctl", "reset-failed", "haproxy", check=False)
        run("systemctl", "restart", "haproxy")
        wait_until(lambda: listens(self.config.port), 10, "HAProxy listens")

    def reload(self) -> None:
        """Reload HAProxy and wait for the new worker."""
        before = self.workers()
        run("systemctl", "reload", "haproxy")
        wait_until(lambda: self.workers() != before, 10, "a new worker")

    def workers(self) -> tuple[int, ...]:
        """Process ids of the workers that take new connections."""
        processes = self.balancer.processes()
        assert processes is not None
        return processes.workers

    def switch(self, **change: Any) -> Outcome:
        """Change what the balancer does, as ``lb_switch`` does."""
        fence = Fence(self.balancer.directory, self.token)
        return switch(self.balancer, fence, Change(**change))

    def reset(self) -> None:
        """All traffic to blue, all servers ready, open, and no deployment known."""
        (self.balancer.directory / "token").unlink(missing_ok=True)
        self.token = 1
        recorded = self.balancer.recorded()
        generation = recorded.generation + 1 if recorded else 1
        self.balancer.apply(State("shop", generation, self.token, "blue", whole("blue")))
        self.balancer.open()


@pytest.fixture(scope="session")
def instances() -> Iterator[dict[str, Instance]]:
    """Two instances of the sample application in each slot."""
    found = {name: Instance(name) for name in PORTS}
    try:
        for instance in found.values():
            instance.start()
        yield found
    finally:
        for instance in found.values():
            instance.end()


@pytest.fixture(scope="session")
def installed() -> Iterator[Host]:
    """HAProxy set up with the application."""
    host = Host(CONFIG)
    for directory in (host.balancer.directory, host.balancer.run_directory):
        shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree(OWN_DIRECTORY, ignore_errors=True)
    host.install()
    yield host
    run("systemctl", "stop", "haproxy")


@pytest.fixture
def host(installed: Host, instances: dict[str, Instance]) -> Host:
    """HAProxy with all traffic on blue, all instances running and checked."""
    for instance in instances.values():
        instance.start()
    installed.reset()
    wait_until(lambda: up(installed) == set(PORTS), 10, "all servers are up")
    return installed


@pytest.fixture
def own(host: Host) -> Iterator[Host]:
    """HAProxy with the usual configuration before and after."""
    text = MAIN.read_text(encoding="utf-8")
    yield host
    MAIN.write_text(text, encoding="utf-8")
    host.install()


def up(host: Host) -> set[str]:
    """The servers that HAProxy's own checks find up."""
    socket_path = host.config.socket
    text = runtime(socket_path, "show servers state")
    rows = [line.split() for line in text.splitlines() if line.startswith(tuple("0123456789")) and len(line) > 2]
    return {row[3] for row in rows if row[5] == "2"}


def runtime(path: str, command: str) -> str:
    """What HAProxy answers to a command, word for word."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received.decode()


def ask(path: str = "/plain", port: int = PORT, cookie: str = "", header: str = "") -> tuple[int, str, dict[str, str]]:
    """One request on a new connection: status, body and headers (names in small letters)."""
    lines = [f"Cookie: {cookie}"] if cookie else []
    status, headers, body = get(path, port, [*lines, header] if header else lines)
    return status, body, headers


def slot_of(answer: tuple[int, str, dict[str, str]]) -> str:
    """The slot that answered."""
    return answer[2].get("x-slipway-slot", "")


def with_servers(config: BalancerConfig, **servers: dict[str, str]) -> BalancerConfig:
    """The configuration with other servers."""
    return replace(config, servers={**config.servers, **servers})
