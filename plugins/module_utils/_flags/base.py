# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every store of flags does. Touches nothing itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from .._common.errors import InputError, StateError
from .model import FULL, KILL_SWITCH, OFF, Flag

Allow = Callable[["Flag | None"], None]


@dataclass(frozen=True)
class Capabilities:
    """What a store can keep.

    :param shares: a share of the users, segments and tenants; otherwise a flag is on or off for everybody.
    :param marks: that a flag was killed, and not merely turned off.
    :param lists: the names of all its flags.
    :param at_once: who evaluates it sees a change by itself, without a restart of the application.
    :param to_do: what an operator must still do before applications see a change, where they do not by themselves.
    """

    shares: bool
    marks: bool
    lists: bool
    at_once: bool
    to_do: str = ""


@dataclass(frozen=True)
class Change:
    """What became of a flag.

    :param before: ``None`` where there was none, or none that is understood.
    :param foreign: there was something that is not understood, or could not be read.
    :param marked: a store that keeps such marks keeps for this flag, too, that it was killed.
    """

    before: Flag | None
    after: Flag
    written: bool
    foreign: bool = False
    marked: bool = True


class Unmanaged(StateError):
    """The store has something of a flag that is not understood, and would be lost or go on beside what is wanted."""


class Provider(ABC):
    """A store of flags."""

    capabilities: Capabilities

    @abstractmethod
    def place(self) -> str:
        """The store, as messages name it."""

    @abstractmethod
    def names(self) -> list[str]:
        """The flags that are kept; none where the store cannot list them."""

    @abstractmethod
    def find(self, name: str) -> Flag | None:
        """A flag as it is kept.

        :raises Unmanaged: it is there in a form that is not understood.
        """

    @abstractmethod
    def change(self, flag: Flag, allow: Allow, *, dry: bool = False) -> Change:
        """Keep a flag, durably, and lose nothing else.

        :param allow: is given the flag as it is, and raises to refuse the change; a store that can be locked is locked
            meanwhile.
        :param dry: change nothing.
        """

    def seen(self, name: str) -> Flag | None:
        """A flag as those who evaluate it get it."""
        return self.find(name)

    def refuse(self, flag: Flag) -> None:
        """Refuse what the store cannot keep.

        :raises InputError: it is a share of the users.
        """
        if self.capabilities.shares or (flag.strategy in (OFF, FULL, KILL_SWITCH) and not flag.tenants):
            return
        raise InputError(
            f"a store of this kind keeps on and off only, not {flag.strategy} with a share, segments or tenants",
            where=self.place(),
            remedy="use off, full or kill_switch, or a store of kind flagd, json, rest or unleash",
        )


def present(find: Callable[[str], Flag | None], flag: Flag) -> tuple[Flag | None, bool]:
    """A flag as it is kept, for who is about to change it, and whether there is something that is not understood.

    That is no reason not to turn it off.

    :raises Unmanaged: it is not understood, and something else than its end is wanted.
    """
    try:
        return find(flag.name), False
    except Unmanaged:
        if flag.killed:
            return None, True
        raise
