# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches all traffic back and forth: run on a balancer host as root, ``python3 -m benchmarks.on_balancer``.

Prints one JSON line: what was commanded when (CLOCK_BOOTTIME, microseconds), and how long the steps took. First with
the logic of ``lb_switch``, then with nothing but the command that moves the traffic: renaming the link that nginx
reads, or HAProxy's ``set map``. Touches the balancer's state of one application, and leaves it as it was found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._balancer.base import Balancer
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig, other_slot
from ansible_collections.slipway.release.plugins.module_utils._balancer.factory import balancer
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy import HAProxy
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_files import STATE_KEY, Route
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_socket import Worker
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State, whole
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, switch
from ansible_collections.slipway.release.plugins.module_utils._common.clock import boottime
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

Command = Callable[[str], dict[str, int]]


def main() -> int:
    """Parse, switch, print."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.on_balancer")
    parser.add_argument("--app", required=True)
    parser.add_argument("--switches", type=int, required=True, help="of each kind; an even number leaves all as it was")
    parser.add_argument("--pause", type=float, required=True, help="seconds between two")
    options = parser.parse_args()
    asked = balancer(BalancerConfig.load(options.app))
    before = recorded(asked)
    slots = there_and_back(slot_of(before), options.switches)
    rows = {}
    for kind, make in (("lb_switch", by_lb_switch), ("bare", bare)):
        command = make(asked)
        rows[kind] = [timed(command, slot, options.pause) for slot in slots]
    print(json.dumps(rows))
    return 0


def recorded(asked: Balancer) -> State:
    """The state that all begins and ends with."""
    state = asked.recorded()
    if state is None or max(state.percents.values()) != 100:
        raise SystemExit("on_balancer: all traffic must be in one slot")
    return state


def there_and_back(active: str, switches: int) -> list[str]:
    """The slots to switch to."""
    return [other_slot(active) if number % 2 == 0 else active for number in range(switches)]


def timed(command: Command, slot: str, pause: float) -> dict[str, Any]:
    """Give a command and wait; when it was given, what it left, and what it took."""
    at_us = int(boottime() * 1_000_000)
    steps = command(slot)
    took_us = int(boottime() * 1_000_000) - at_us
    time.sleep(pause)
    return {"at_us": at_us, "old": other_slot(slot), "new": slot, "took_us": took_us, "steps": steps}


def by_lb_switch(asked: Balancer) -> Command:
    """What the module does on the host."""
    fence = Fence(asked.directory, recorded(asked).token)

    def command(slot: str) -> dict[str, int]:
        outcome = switch(asked, fence, Change(percents=whole(slot)))
        if not outcome.verified or not outcome.changed:
            raise SystemExit("on_balancer: a switch changed nothing")
        return {step["name"]: step["elapsed_us"] for step in outcome.steps}

    return command


def bare(asked: Balancer) -> Command:
    """The command that moves the traffic, and nothing else."""
    return bare_haproxy(asked) if isinstance(asked, HAProxy) else bare_nginx(asked)


def bare_nginx(asked: Balancer) -> Command:
    """A link swapped by rename between the last two generations, which ``by_lb_switch`` has left."""
    current = asked.directory / "current"
    active = slot_of(recorded(asked))
    last = int(os.path.basename(os.readlink(current)))
    generations = {active: f"generations/{last}", other_slot(active): f"generations/{last - 1}"}

    def command(slot: str) -> dict[str, int]:
        os.symlink(generations[slot], asked.directory / "benchmark")
        os.rename(asked.directory / "benchmark", current)
        return {}

    return command


def bare_haproxy(asked: HAProxy) -> Command:
    """One command over the admin socket."""
    state = recorded(asked)
    values = {
        slot: Route(state.generation, state.stable, whole(slot)).entries()[STATE_KEY] for slot in ("blue", "green")
    }
    worker = Worker(asked.config.socket)

    def command(slot: str) -> dict[str, int]:
        worker.do([f"set map {asked.slots_map} {STATE_KEY} {values[slot]}"])
        return {}

    return command


def slot_of(state: State) -> str:
    """The slot that has all traffic."""
    return max(state.percents, key=lambda slot: state.percents[slot])


if __name__ == "__main__":
    sys.exit(main())
