# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one balancer's agent tells the others: the recorded state, whether it is open, and what is left of the lease.

Reads the state and the fence; touches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._balancer.base import Balancer
from .._balancer.state import State
from .._balancer.watch import kept, returned_token, watching_token
from .._common import clock
from .._common.errors import InputError
from .._common.fence import Fence

SCHEMA = 1


@dataclass(frozen=True)
class Report:
    """One balancer as its agent sees it.

    :param lease_left_ms: what is left of the state's lease; its deadline means nothing on another host.
    :param barred: the highest token that this host no longer obeys.
    :param peers: ``address:port`` of the agents that this one asks.
    :param returned: token of the deployment whose traffic the watch of this host has returned; 0 for none.
    :param watching: token of the deployment whose traffic the watch of this host may still return; 0 for none, ``None``
        of an older agent, which does not say.
    """

    app: str
    boot_id: str
    open: bool
    state: State | None
    lease_left_ms: int
    barred: int
    peers: tuple[str, ...] = ()
    returned: int = 0
    watching: int | None = 0

    def to_dict(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return {
            "schema": SCHEMA,
            "app": self.app,
            "boot_id": self.boot_id,
            "open": self.open,
            "generation": self.state.generation if self.state else 0,
            "state": self.state.to_dict() if self.state else None,
            "lease_left_ms": self.lease_left_ms,
            "barred": self.barred,
            "peers": list(self.peers),
            "returned": self.returned,
            "watching": self.watching,
        }

    @classmethod
    def from_dict(cls, content: Any, where: str) -> Report:
        """Read what ``to_dict`` made.

        :param where: who sent it.
        :raises InputError: it is something else.
        """
        try:
            state = content["state"]
            report = cls(
                app=content["app"],
                boot_id=content["boot_id"],
                open=content["open"],
                state=None if state is None else State.from_dict(state),
                lease_left_ms=content["lease_left_ms"],
                barred=content["barred"],
                peers=tuple(content["peers"]),
                returned=content.get("returned", 0),
                watching=content.get("watching"),
            )
        except (KeyError, TypeError, AttributeError) as exc:
            raise _refused(where, f"is no report of an agent ({type(exc).__name__}: {exc})") from exc
        if content.get("schema") != SCHEMA:
            raise _refused(where, f"has schema {content.get('schema')}, this agent understands {SCHEMA}")
        numbers = (report.barred, report.returned, report.watching or 0)
        if not (isinstance(report.open, bool) and all(isinstance(number, int) for number in numbers)):
            raise _refused(where, "has values of the wrong type")
        return report


def own_report(balancer: Balancer) -> Report:
    """The report of this host, made without its lock while others may change what it is made of.

    A watch is recorded before the state that it watches, and removed after the state that it returns to. So it is read
    before the state and after it, and the token first: a mix of two moments never says that nobody watches traffic that
    is watched.
    """
    fence = Fence(balancer.directory, 0)
    seen = fence.seen()
    before = kept(balancer.directory)
    state = balancer.recorded()
    after = kept(balancer.directory)
    lease = state.lease if state else None
    boot_id = clock.boot_id()
    left_ms = 0
    if lease and lease.boot_id == boot_id:
        left_ms = max(0, lease.deadline_ms - int(clock.boottime() * 1000))
    return Report(
        app=balancer.config.app,
        boot_id=boot_id,
        open=balancer.open_file.exists(),
        state=state,
        lease_left_ms=left_ms,
        barred=fence.barred(),
        peers=balancer.config.agent.peers,
        returned=returned_token(balancer.directory, state),
        watching=watching_token((before, after), state, seen),
    )


def _refused(where: str, what: str) -> InputError:
    return InputError(f"the answer {what}", where=where, remedy="place the same agent on all balancers with site.yml")
