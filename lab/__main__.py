# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab: ``python3 -m lab VERB``. Touches what the verbs in ``fleet`` touch."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from . import access, fleet, machine, network
from .commands import require_root
from .errors import LabError
from .plan import DEFAULT_HOSTS, DEFAULT_NAME


def parser() -> argparse.ArgumentParser:
    """All verbs with their options."""
    top = argparse.ArgumentParser(prog="python3 -m lab", description="Real Debian machines on this computer.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.add_argument("--name", default=os.environ.get("SLIPWAY_LAB", DEFAULT_NAME), help="which lab (%(default)s)")
        return made

    up = verb("up", "bring machines up; quick when they are")
    up.add_argument("--hosts", default=",".join(DEFAULT_HOSTS), help="machines, separated by commas (%(default)s)")
    down = verb("down", "remove the lab and all that it left")
    down.add_argument("--all", action="store_true", help="every lab on this computer")
    down.add_argument("--foreign", action="store_true", help="also when another checkout started it")
    verb("status", "machines, addresses and states")
    verb("inventory", "print the Ansible inventory")
    reset = verb("reset", "fresh disks for all machines, or for those named")
    reset.add_argument("hosts", nargs="*", metavar="HOST")
    verb("root", "build the machines' Debian root only")
    for name, text in (("poweroff", "pull a machine's plug"), ("start", "switch a machine on with the disk it had")):
        verb(name, text).add_argument("host")
    link = verb("link", "pull a machine's network cable or put it back")
    link.add_argument("host")
    link.add_argument("state", choices=("up", "down"))
    partition = verb("partition", "cut the connection of pairs of machines; without pairs, heal all cuts")
    partition.add_argument("pairs", nargs="*", metavar="HOST:HOST")
    run = verb("exec", "run a command inside a machine as root; needs no network")
    run.add_argument("host")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    ssh = verb("ssh", "open SSH to a machine as deploy")
    ssh.add_argument("host")
    ssh.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    return top


def act(arguments: argparse.Namespace) -> int:
    """Do what the command line asks and return the exit code."""
    name: str = arguments.name
    verb: str = arguments.verb
    if verb == "up":
        plan = fleet.up(name, [host for host in arguments.hosts.split(",") if host])
        print(f"lab {name}: {' '.join(plan.host_names)} up on {plan.subnet}; inventory {plan.directory}/inventory.yml")
    elif verb == "down":
        for lab in fleet.names() if arguments.all else [name]:
            fleet.down(lab, foreign=arguments.all or arguments.foreign)
    elif verb == "status":
        for host, address, state in fleet.status(name):
            print(f"{host:<6} {address:<15} {state}")
    elif verb == "inventory":
        print(access.inventory(fleet.load(name)), end="")
    elif verb == "reset":
        fleet.reset(name, arguments.hosts)
    elif verb == "root":
        print(fleet.ensure_root())
    elif verb == "poweroff":
        fleet.poweroff(name, arguments.host)
    elif verb == "start":
        fleet.start(name, arguments.host)
    elif verb == "link":
        network.set_link(fleet.load(name).host(arguments.host), arguments.state)
    elif verb == "partition":
        fleet.partition(name, [split_pair(pair) for pair in arguments.pairs])
    else:
        return command_inside(arguments)
    return 0


def split_pair(pair: str) -> tuple[str, str]:
    """``lb1:app1`` gives ``("lb1", "app1")``."""
    one, colon, other = pair.partition(":")
    if not colon:
        raise LabError(f"{pair!r} is no pair of machines", "write two machine names with a colon between: lb1:app1")
    return one, other


def command_inside(arguments: argparse.Namespace) -> int:
    """Run a command in a machine: directly for ``exec``, over the network for ``ssh``."""
    host = fleet.load(arguments.name).host(arguments.host)
    words: list[str] = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if arguments.verb == "exec":
        machine.execute(host, words or ["/bin/bash", "-l"])
    configuration = host.directory.parent.parent / "ssh_config"
    return subprocess.call(["ssh", "-F", str(configuration), host.name, *words])


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, act, and turn the lab's own errors into one line and exit code 2."""
    arguments = parser().parse_args(argv)
    try:
        require_root()
        return act(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
