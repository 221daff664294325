# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's modules as Ansible copies them to a host and starts them there, each with its arguments in one file.

``python -m benchmarks.as_sent DIRECTORY``, in a process of its own, because Ansible's loader is one of a process. Their
connection comes from libpq's environment, so that they can be made before there is a server. Writes to the directory.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar

from .kit import MODULES


def as_sent(module: str, arguments: dict[str, Any]) -> bytes:
    """One module."""
    name = f"slipway.release.{module}"
    made = modify_module(
        module_name=name,
        module_path=module_loader.find_plugin_with_context(name).plugin_resolved_path,
        module_args=dict(arguments),
        templar=Templar(loader=DataLoader()),
        task_vars={"ansible_python_interpreter": "/usr/bin/python3"},
        module_compression="ZIP_DEFLATED",
    )
    data: bytes = made[0] if isinstance(made, tuple) else made.b_module_data
    return data


def main() -> int:
    """Write all of them."""
    init_plugin_loader()
    for name, (module, arguments) in MODULES.items():
        Path(sys.argv[1], f"{name}.py").write_bytes(as_sent(module, arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
