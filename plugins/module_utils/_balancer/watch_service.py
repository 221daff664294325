# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the service runs on this host that keeps watches, and has taken up the one that was armed.

Asks systemd, and reads what that service writes in the balancer's run directory; touches nothing.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from .._common.errors import StateError
from .._common.files import read_state
from .._common.process import TimeoutExpired
from .._common.process import run as run_program
from .watch import SCHEMA, Watch, is_kept, standing_file

STARTS_WITHIN = 3.0
TAKES_UP_WITHIN = 10.0
LOOK_SECONDS = 0.1
SYSTEMD_SECONDS = 10
UNABLE = {"masked": "is masked", "not-found": "is not installed"}
STARTING = ("active", "activating", "deactivating", "reloading")
REMEDY = "run site.yml, which installs and starts it"


class Unit(NamedTuple):
    """What systemd says of a unit; empty where it says nothing."""

    load: str = ""
    active: str = ""


def unit_name(app: str) -> str:
    """The unit that keeps the watches of an application."""
    return f"slipway-watch@{app}.service"


def out_of_service(app: str, run_directory: Path) -> str:
    """Why nobody keeps the watches of an application on this host; empty where the service runs.

    One that systemd is just starting is waited for.
    """
    give_up = time.monotonic() + STARTS_WITHIN
    while True:
        unit = _unit(app)
        if unit.load in UNABLE:
            return f"{unit_name(app)} {UNABLE[unit.load]}"
        if is_kept(run_directory):
            return ""
        if unit.active not in STARTING or time.monotonic() >= give_up:
            return f"{unit_name(app)} does not run{f' ({unit.active})' if unit.active else ''}"
        time.sleep(LOOK_SECONDS)


def not_taken_up(app: str, run_directory: Path, watch: Watch) -> str:
    """Why a watch that was armed just now is not kept; empty once the service judges it."""
    give_up = time.monotonic() + TAKES_UP_WITHIN
    while True:
        standing = read_state(standing_file(run_directory), SCHEMA) or {}
        if standing.get("token") == watch.token and standing.get("judged") and is_kept(run_directory):
            return ""
        broken = out_of_service(app, run_directory)
        if broken:
            return broken
        if time.monotonic() >= give_up:
            return f"{unit_name(app)} runs, and has not begun to judge within {TAKES_UP_WITHIN:.0f} s"
        time.sleep(LOOK_SECONDS)


def refused(complaint: str) -> StateError:
    """The error for traffic that cannot be held without a watch."""
    return StateError(
        f"the traffic is not held, since nobody would watch it and return it: {complaint}",
        where="hold",
        remedy=REMEDY,
    )


def _unit(app: str) -> Unit:
    asked = ("systemctl", "show", "--property=LoadState,ActiveState", unit_name(app))
    try:
        answer = run_program(asked, timeout=SYSTEMD_SECONDS).stdout
    except (OSError, TimeoutExpired):
        return Unit()
    found = dict(line.partition("=")[::2] for line in answer.splitlines())
    return Unit(found.get("LoadState", ""), found.get("ActiveState", ""))
