# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, addresses and paths of a lab, derived from its name alone. Pure, touches nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache" / "lab"
DEFAULT_NAME = "lab"
DEFAULT_HOSTS = ("lb1", "lb2", "app1", "app2", "app3", "db1", "db2")
SUPERNET = "10.213.0.0/16"
BRIDGE_PREFIX = "slw-"
GROUPS = {"lb": "balancers", "app": "application", "db": "databases"}
TENS = {"lb": 10, "app": 20, "db": 30}
NAME_PATTERN = re.compile(r"^[a-z][a-z0-9-]{0,10}$")
HOST_PATTERN = re.compile(r"^(lb|app|db)([1-9])$")


@dataclass(frozen=True)
class Host:
    """One machine of a lab."""

    lab: str
    name: str
    octet: int

    @property
    def number(self) -> int:
        kind, digit = split_host(self.name)
        return TENS[kind] + digit

    @property
    def address(self) -> str:
        return f"10.213.{self.octet}.{self.number}"

    @property
    def group(self) -> str:
        return GROUPS[split_host(self.name)[0]]

    @property
    def link(self) -> str:
        """The end of the machine's cable that is plugged into the bridge."""
        return f"sw{self.octet}-{self.name}"

    @property
    def namespace(self) -> str:
        return f"slipway-{self.lab}-{self.name}"

    @property
    def hardware_address(self) -> str:
        return f"02:53:4c:57:{self.octet:02x}:{self.number:02x}"

    @property
    def machine_id(self) -> str:
        return hashlib.sha256(f"slipway lab {self.lab} {self.name}".encode()).hexdigest()[:32]

    @property
    def directory(self) -> Path:
        return lab_directory(self.lab) / "machines" / self.name


@dataclass(frozen=True)
class Plan:
    """A lab: its name, the third octet of its network and its machines."""

    name: str
    octet: int
    host_names: tuple[str, ...]

    @property
    def hosts(self) -> tuple[Host, ...]:
        return tuple(Host(self.name, host, self.octet) for host in self.host_names)

    @property
    def bridge(self) -> str:
        return bridge_name(self.name)

    @property
    def subnet(self) -> str:
        return f"10.213.{self.octet}.0/24"

    @property
    def controller_address(self) -> str:
        return f"10.213.{self.octet}.1"

    @property
    def virtual_address(self) -> str:
        return f"10.213.{self.octet}.10"

    @property
    def directory(self) -> Path:
        return lab_directory(self.name)

    def host(self, name: str) -> Host:
        if name not in self.host_names:
            raise LabError(f"the lab {self.name} has no machine {name}", f"name one of {', '.join(self.host_names)}")
        return Host(self.name, name, self.octet)


def split_host(name: str) -> tuple[str, int]:
    """Kind and number of a machine name: ``app2`` gives ``("app", 2)``."""
    match = HOST_PATTERN.match(name)
    if match is None:
        raise LabError(f"{name!r} is no name for a lab machine", "use lb1 to lb9, app1 to app9 or db1 to db9")
    return match.group(1), int(match.group(2))


def host_order(name: str) -> int:
    """Sort key of machine names: balancers, application, databases."""
    kind, digit = split_host(name)
    return TENS[kind] + digit


def ordered_hosts(names: Iterable[str]) -> tuple[str, ...]:
    """The machine names without repeats, in the lab's order."""
    return tuple(sorted(set(names), key=host_order))


def check_name(name: str) -> str:
    """Return the lab name, or say what a lab name looks like."""
    if NAME_PATTERN.match(name) is None:
        raise LabError(
            f"{name!r} is no lab name",
            "use at most 11 lower-case letters, digits and hyphens, beginning with a letter",
        )
    return name


def bridge_name(name: str) -> str:
    return BRIDGE_PREFIX + name


def lab_directory(name: str) -> Path:
    return CACHE / name


def preferred_octet(name: str) -> int:
    """The octet that a lab gets when nobody else has it."""
    return 1 + int(hashlib.sha256(name.encode()).hexdigest(), 16) % 254


def choose_octet(name: str, taken: Collection[int]) -> int:
    """The lab's preferred octet, or the next free one; the default lab's octet is kept for the default lab."""
    reserved = set() if name == DEFAULT_NAME else {preferred_octet(DEFAULT_NAME)}
    first = preferred_octet(name)
    for step in range(254):
        octet = 1 + (first - 1 + step) % 254
        if octet not in reserved and octet not in taken:
            return octet
    raise LabError("254 labs are running on this machine", "take some down: python3 -m lab down --all")
