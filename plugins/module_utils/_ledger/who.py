# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who ran or approved something, as one line in the ledger, and whether two of them may be the same person.

Touches nothing. A name is what a controller says of itself: it keeps honest operators apart, and proves nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"(?P<name>.*?)(?: \(AWX as (?P<account>.*)\))?@(?P<host>[^@]*)")
_NAME = re.compile(r"[^\w.@+-]")


@dataclass(frozen=True)
class Who:
    """An operator.

    :param name: who launched the job in AWX, otherwise the account.
    :param account: the account of the controller's operating system that ran it.
    :param host: that controller.
    :param by_awx: whether it ran as a job of AWX.
    """

    name: str
    account: str
    host: str
    by_awx: bool = False

    @classmethod
    def read(cls, line: str) -> Who:
        """The reverse of ``line``; also of what earlier versions have recorded, which is a name and a host."""
        found = _LINE.fullmatch(line)
        if found is None:
            return cls(line, line, "")
        account = found["account"]
        return cls(found["name"], account or found["name"], found["host"], account is not None)

    def line(self) -> str:
        """As it is recorded and shown."""
        name = _NAME.sub("_", self.name)
        return f"{name} (AWX as {self.account})@{self.host}" if self.by_awx else f"{name}@{self.host}"

    def shares_with(self, other: Who) -> str:
        """What both have, so that they may be one person; empty where they must be two.

        The jobs of AWX all run as the same account. Beside a shell an account counts, which no variable changes.
        """
        if self.name == other.name:
            return self.name
        both_by_awx = self.by_awx and other.by_awx
        return f"the account {self.account}" if not both_by_awx and self.account == other.account else ""
