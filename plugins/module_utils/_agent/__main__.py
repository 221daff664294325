# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's command line: ``run`` (the service), ``check`` (for keepalived) and ``status`` (JSON for people).

``check`` and ``status`` touch nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from .._balancer.base import Balancer
from .._balancer.config import BalancerConfig
from .._balancer.factory import balancer as provider
from .._common.errors import SlipwayError
from .log import Log
from .peers import Peers
from .report import own_report
from .service import run

CHECK_TRIES = 3
CHECK_PAUSE = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command; the exit status."""
    parser = argparse.ArgumentParser(prog="slipway-agent", description="Agent of a slipway balancer host.")
    parser.add_argument("command", choices=["run", "check", "status"])
    parser.add_argument("--app", required=True, help="name of the application")
    chosen = parser.parse_args(arguments)
    try:
        balancer = provider(BalancerConfig.load(chosen.app))
        if chosen.command == "run":
            return run(balancer)
        return check(balancer) if chosen.command == "check" else status(balancer)
    except SlipwayError as exc:
        sys.stderr.write(f"{exc.message()}\n")
        return 2


def check(balancer: Balancer) -> int:
    """0 when this balancer is open and does what is recorded; a switch under way is given a moment."""
    for attempt in range(CHECK_TRIES):
        if attempt:
            time.sleep(CHECK_PAUSE)
        complaint = _complaint(balancer)
        if not complaint:
            return 0
    sys.stderr.write(f"{complaint}\n")
    return 1


def _complaint(balancer: Balancer) -> str:
    if not balancer.open_file.exists():
        return "closed"
    try:
        state, live = balancer.recorded(), balancer.live()
        if state is None or not balancer.agrees(state, live):
            return "the running process does not do what is recorded"
    except SlipwayError as exc:
        return exc.message()
    return "" if live.open else "the running process is closed"


def status(balancer: Balancer) -> int:
    """Print what is known about this balancer and its peers."""
    peers = Peers(balancer.config.app, balancer.config.agent.peers, Log()).ask()
    content: dict[str, Any] = {
        "own": own_report(balancer).to_dict(),
        "converged": (balancer.run_directory / "converged").exists(),
        "complaint": _complaint(balancer),
        "peers": {address: report and report.to_dict() for address, report in peers.items()},
    }
    sys.stdout.write(f"{json.dumps(content, indent=1, sort_keys=True)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
