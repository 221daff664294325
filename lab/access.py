# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people and Ansible reach a lab: key, known hosts, SSH configuration and inventory under ``.cache/lab/<lab>``.

Touches those files only.
"""

from __future__ import annotations

from pathlib import Path

from .commands import run
from .plan import GROUPS, Plan

SSH_OPTIONS = """\
  User deploy
  IdentityFile {directory}/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  GSSAPIAuthentication no
  ConnectTimeout 5
  ServerAliveInterval 2
  ServerAliveCountMax 3
  LogLevel ERROR
"""


def write(plan: Plan, root: Path) -> str:
    """Write key, known hosts, SSH configuration and inventory; return the public key."""
    plan.directory.mkdir(parents=True, exist_ok=True)
    key = plan.directory / "id_ed25519"
    if not key.with_suffix(".pub").exists():
        key.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"slipway lab {plan.name}", "-f", str(key)])
    host_key = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text(encoding="utf-8").split()[:2]
    (plan.directory / "known_hosts").write_text(known_hosts(plan, " ".join(host_key)), encoding="utf-8")
    (plan.directory / "ssh_config").write_text(ssh_config(plan), encoding="utf-8")
    (plan.directory / "inventory.yml").write_text(inventory(plan), encoding="utf-8")
    return key.with_suffix(".pub").read_text(encoding="utf-8")


def known_hosts(plan: Plan, host_key: str) -> str:
    """One line a machine; the machines share the host key of their root."""
    return "".join(f"{host.name},{host.address} {host_key}\n" for host in plan.hosts)


def ssh_config(plan: Plan) -> str:
    """Names and addresses of the machines with the lab's key and user."""
    machines = "".join(f"Host {host.name}\n  HostName {host.address}\n" for host in plan.hosts)
    network = f"Host {plan.subnet.rsplit('.', 1)[0]}.* {' '.join(plan.host_names)}\n"
    return machines + network + SSH_OPTIONS.format(directory=plan.directory)


def inventory(plan: Plan) -> str:
    """An Ansible inventory of the lab: machines by group and how to reach them."""
    lines = ["---", "all:", "  vars:"]
    variables = {
        "ansible_user": "deploy",
        "ansible_python_interpreter": "/usr/bin/python3",
        "slipway_address": '"{{ ansible_host }}"',
        "ansible_ssh_common_args": f"-F {plan.directory}/ssh_config",
        "slipway_lab_name": plan.name,
        "slipway_lab_virtual_address": plan.virtual_address,
        "slipway_lab_controller_address": plan.controller_address,
    }
    lines += [f"    {name}: {value}" for name, value in variables.items()]
    lines += ["  children:"]
    for group in GROUPS.values():
        members = [host for host in plan.hosts if host.group == group]
        lines += [f"    {group}:"]
        lines += ["      hosts:"] if members else ["      hosts: {}"]
        lines += [f"        {host.name}: {{ansible_host: {host.address}}}" for host in members]
    return "\n".join(lines) + "\n"
