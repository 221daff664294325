# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files HAProxy starts from, and the entries of its maps. Writes only the paths it is given.

slots.map       state <generation>:<lower bucket of green>:<stable slot>      one entry, so one command changes all;
                      [:<slot of matched requests>]                           the last part only while that is open
                stable <slot>                                                 where requests go without ``state``
servers.state   HAProxy's server state file, with the servers that take no new requests and no others
gate.map        gate open|closed                                              in the run directory
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .._common.files import write_atomic
from .assign import BUCKETS
from .config import SLOTS, BalancerConfig, other_slot
from .state import State, whole

STATE_KEY = "state"
STABLE_KEY = "stable"
GATE_KEY = "gate"
OPEN = "open"
CLOSED = "closed"

_SLOT = "|".join(SLOTS)
_ROUTE = re.compile(rf"([0-9]+):([0-9]+):({_SLOT})(?::({_SLOT}))?")
_BUCKETS_A_PERCENT = BUCKETS // 100
_SERVERS_HEADER = (
    "1\n"
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state"
    " bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord\n"
)
_RUNNING = 2
_FORCED_DRAIN = 8


@dataclass(frozen=True)
class Route:
    """The value of the one map entry that decides where requests go."""

    generation: int
    stable: str
    percents: dict[str, int]
    override: bool = False

    @classmethod
    def of(cls, state: State) -> Route:
        """The route that a state asks for."""
        return cls(state.generation, state.stable, dict(state.percents), state.override)

    @classmethod
    def read(cls, entries: dict[str, str]) -> Route:
        """What HAProxy does with these map entries: everything to the stable slot when the state is missing."""
        match = _ROUTE.fullmatch(entries.get(STATE_KEY, ""))
        if match is None:
            stable = SLOTS[1] if entries.get(STABLE_KEY) == SLOTS[1] else SLOTS[0]
            return cls(0, stable, whole(stable))
        lower = int(match[2]) // _BUCKETS_A_PERCENT
        return cls(int(match[1]), match[3], {SLOTS[0]: lower, SLOTS[1]: 100 - lower}, match[4] == other_slot(match[3]))

    def entries(self) -> dict[str, str]:
        """The map entries of this route."""
        lower = self.percents[SLOTS[0]] * _BUCKETS_A_PERCENT
        matched = f":{other_slot(self.stable)}" if self.override else ""
        return {STATE_KEY: f"{self.generation}:{lower}:{self.stable}{matched}", STABLE_KEY: self.stable}


def map_text(entries: dict[str, str]) -> bytes:
    """A map file."""
    return "".join(f"{key} {value}\n" for key, value in sorted(entries.items())).encode("ascii")


def parse_map(text: str) -> dict[str, str]:
    """The entries of a map file."""
    return {key: value for key, _space, value in (line.partition(" ") for line in text.splitlines() if line)}


def servers_text(config: BalancerConfig, out: Iterable[str]) -> bytes:
    """The server state file that starts the instances ``out`` drained, and all others as configured.

    No health is recorded: it would be stale when it is read. The port must be the configured one, HAProxy takes it
    from here.
    """
    lines = [_server_line(config, name) for name in sorted(out)]
    return (_SERVERS_HEADER + "".join(lines)).encode("ascii")


def parse_servers(text: str) -> set[str]:
    """The instances that a server state file starts drained."""
    return {line.split()[3] for line in text.splitlines() if line.startswith("0 ")}


def _server_line(config: BalancerConfig, instance: str) -> str:
    port = config.address(instance).rsplit(":", 1)[1]
    backend = backend_name(config.app, config.slot_of(instance))
    return f"0 {backend} 0 {instance} - {_RUNNING} {_FORCED_DRAIN} 1 1 0 1 0 1 6 0 0 0 - {port} -\n"


def frontend_name(app: str) -> str:
    """HAProxy's name of the application's frontend."""
    return f"slipway-{app}"


def backend_name(app: str, slot: str) -> str:
    """HAProxy's name of a slot."""
    return f"slipway-{app}-{slot}"


def structure_variable(app: str) -> str:
    """The environment variable by which a running worker tells the structure it was started with."""
    return "SLIPWAY_STRUCTURE_" + app.replace("-", "_").upper()


def read_text(path: Path) -> str:
    """A file's text; empty when there is none."""
    return _read_bytes(path).decode("utf-8", "replace")


def write_when_other(path: Path, data: bytes) -> None:
    """Replace a file durably unless it has this content already."""
    if not path.exists() or _read_bytes(path) != data:
        write_atomic(path, data)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
