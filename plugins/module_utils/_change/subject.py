# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exactly is to be changed: an approval is for this and for nothing else. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .._common.canonical import digest

GROUPS = ("application", "balancers")


@dataclass(frozen=True)
class Subject:
    """A release on its way into an environment, with the change request that it belongs to.

    :param operation: what is done with it.
    :param region: where it is to be done; empty where regions are not told apart.
    :param artifact: SHA-256 of the artifact.
    :param inventory: digest of the hosts concerned.
    :param migrations: digest of the migrations that are due; empty where there are none.
    """

    app: str
    operation: str
    region: str
    artifact: str
    commit: str
    environment: str
    inventory: str
    migrations: str
    change: str
    justification: str
    risk: str
    author: str

    def fields(self) -> dict[str, str]:
        """As it stands in an approval."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """What an approval is bound to."""
        return digest(self.fields())

    def difference(self, given: Mapping[str, Any]) -> str:
        """What something approved differs in; empty where it does not."""
        differs = [(name, given.get(name), mine) for name, mine in self.fields().items() if given.get(name) != mine]
        return ", ".join(f"{name} {_short(other)} instead of {_short(mine)}" for name, other, mine in differs)


def inventory_digest(groups: Mapping[str, list[str]], addresses: Mapping[str, list[str]], ledger_host: str) -> str:
    """Digest of the hosts that a deployment changes, with the addresses under which they are reached.

    :param groups: Ansible's groups.
    :param addresses: host to its addresses.
    """
    members = {group: sorted(groups.get(group, [])) for group in GROUPS}
    hosts = sorted({host for group in members.values() for host in group} | ({ledger_host} - {""}))
    reached = [[host, *addresses.get(host, [])] for host in hosts]
    return digest({"groups": members, "hosts": reached, "ledger": ledger_host})


def _short(value: Any) -> str:
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
