# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probe: is a systemd unit active, and has it stayed so since it was asked before?

Runs ``systemctl show``; touches nothing.
"""

from __future__ import annotations

from .._common import process
from .model import Answer, Probe, impossible
from .options import Options

PROPERTIES = "LoadState,ActiveState,SubState,InvocationID"


class UnitProbe(Probe):
    """A unit that must be active. One that was restarted between two attempts has failed the second one."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self._invocation = ""

    @classmethod
    def from_options(cls, options: Options) -> UnitProbe:
        """Read ``unit``."""
        unit = options.text("unit")
        if unit.startswith("-") or "." not in unit:
            raise options.refuse("unit", "is no unit name", "write it with its suffix, like shop.service")
        return cls(unit)

    def target(self) -> str:
        return self.unit

    def attempt(self, timeout: float) -> Answer:
        try:
            shown = process.run(["systemctl", "show", f"--property={PROPERTIES}", "--", self.unit], timeout=timeout)
        except FileNotFoundError:
            return impossible("there is no systemctl on this host", final=True)
        except process.TimeoutExpired:
            return Answer(ok=False, detail="systemctl did not answer in time")
        if shown.returncode:
            return impossible(f"systemctl failed: {shown.stderr.strip().splitlines()[-1:] or shown.returncode}")
        return self._judged(dict(line.partition("=")[::2] for line in shown.stdout.splitlines()))

    def _judged(self, shown: dict[str, str]) -> Answer:
        if shown.get("LoadState") == "not-found":
            return Answer(ok=False, detail="there is no such unit")
        if shown.get("ActiveState") != "active":
            return Answer(ok=False, detail=f"is {shown.get('ActiveState')} ({shown.get('SubState')})")
        before, self._invocation = self._invocation, shown.get("InvocationID", "")
        if before and before != self._invocation:
            return Answer(ok=False, detail="was restarted since the attempt before")
        return Answer(ok=True)
