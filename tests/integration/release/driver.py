# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change of a host, as a process of its own that a test can kill. Arguments: the operation and a directory."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.running import Selection, handover, stopped
from tiny import LAYOUT, MAILER, WEB, Release

API = {**WEB, "name": "api", "command": "python3 web.py", "ports": {"blue": 18083, "green": 18084}}


def releases(directory):
    """What the active slot holds, what the spare slot holds, and what shall replace that."""
    directory.mkdir(exist_ok=True)
    return (
        Release(directory, "1.0", components=[WEB, MAILER], secrets={"s": "one"}, shared_directories=["uploads"]),
        Release(directory, "0.9", components=[WEB, API], config={"OLD": "yes"}),
        Release(directory, "2.0", components=[{**WEB, "memory_max": "1G"}, MAILER], secrets={"s": "two"}),
    )


def operate(operation, directory, token=9):
    """Do the operation."""
    new = releases(directory)[2]
    if operation == "present":
        return new.place("green", token=token, active_slot="blue", keep=1)
    if operation == "handover":
        return handover(Host(LAYOUT, token), Selection("green"))
    return stopped(Host(LAYOUT, token), Selection("green"), failed=True)


if __name__ == "__main__":
    operate(sys.argv[1], Path(sys.argv[2]))
