# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of one check: from answers and times to a verdict. Pure, so that every rule can be tested without waiting.

Touches nothing.
"""

from __future__ import annotations

from .model import FAIL, INSUFFICIENT, PASS, Answer, Timing


class Judge:
    """Counts the answers of one check and says when, and how, it is decided.

    Only consecutive good answers add up, so an endpoint that flaps does not pass. No data is never a pass: a check
    none of whose attempts could be made ends as ``insufficient``.

    :param timing: the demands of the check.
    """

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.verdict = ""
        self.reason = ""
        self._good = 0
        self._bad = 0
        self._made = 0
        self._last_detail = ""

    def heard(self, answer: Answer, elapsed: float) -> bool:
        """Take in one answer that was complete ``elapsed`` seconds after the start; ``True`` when decided."""
        self._made += answer.made
        if answer.ok:
            self._good += 1
            self._bad = 0
            if self._good >= self.timing.successes:
                self._decide(PASS, f"{self._good} consecutive good answers")
        else:
            self._good = 0
            self._last_detail = answer.detail
            if elapsed > self.timing.startup:
                self._bad += 1
            if answer.final:
                self._decide(self._short_of_pass(), answer.detail)
            elif self.timing.failures and self._bad >= self.timing.failures:
                self._decide(self._short_of_pass(), f"{self._bad} consecutive failures, the last: {answer.detail}")
        return bool(self.verdict)

    def expired(self) -> None:
        """The deadline has passed without a decision."""
        last = f", the last failure: {self._last_detail}" if self._last_detail else ""
        self._decide(
            self._short_of_pass(),
            f"{self._good} of {self.timing.successes} consecutive good answers by the deadline of "
            f"{self.timing.deadline} s{last}",
        )

    def abandoned(self, why: str) -> None:
        """The gate was ended by something else, so nothing can be said."""
        self._decide(INSUFFICIENT, why)

    def _short_of_pass(self) -> str:
        return FAIL if self._made else INSUFFICIENT

    def _decide(self, verdict: str, reason: str) -> None:
        self.verdict = verdict
        self.reason = reason
