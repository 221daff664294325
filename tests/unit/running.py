# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules and small plays on this computer, as Ansible runs them. Writes below the directory that it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml


def module_output(module: ModuleType, **arguments: Any) -> str:
    """Everything that a module writes, run as Ansible runs it, transport aside.

    :param arguments: its options, and Ansible's own, which begin with ``_ansible_``.
    """
    assert module.__file__
    made = subprocess.run(
        [sys.executable, module.__file__],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(module.__file__).parents[5]), *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return made.stdout + made.stderr


def module_result(module: ModuleType, **arguments: Any) -> dict[str, Any]:
    """What a module returns, when it writes nothing else."""
    result: dict[str, Any] = json.loads(module_output(module, **arguments))
    return result


def play(
    directory: Path,
    book: list[dict[str, Any]],
    inventory: dict[str, Any],
    collections: Path | None = None,
    *arguments: str,
) -> subprocess.CompletedProcess[str]:
    """Run a playbook.

    :param directory: for the playbook and its inventory.
    :param collections: the value of ``ANSIBLE_COLLECTIONS_PATH``, when it is not that of this process.
    :param arguments: more arguments of ansible-playbook.
    """
    (directory / "play.yml").write_text(yaml.safe_dump(book, width=1000), encoding="utf-8")
    (directory / "hosts.yml").write_text(yaml.safe_dump(inventory, width=1000), encoding="utf-8")
    path = {"ANSIBLE_COLLECTIONS_PATH": str(collections)} if collections else {}
    return subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "hosts.yml", "play.yml", *arguments],
        cwd=directory,
        env={**os.environ, **path, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
