# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed run said, in each of the forms in which Ansible prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.operator import PlaybookRun

PLAIN = "slipway_version: 1.1 has failed"


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (f"    msg: {PLAIN}\n", PLAIN),
        (
            "    msg: 'slipway_version: ''1.0/beta''\n        is malformed'\n",
            "slipway_version: '1.0/beta' is malformed",
        ),
        (f"    msg: |-\n        {PLAIN}\n        here\n", f"{PLAIN} here"),
        (f"    msg: first\nfatal: [app1]: FAILED! =>\n    msg: {PLAIN}\n", PLAIN),
        ("nothing\n", ""),
    ],
    ids=["plain", "quoted", "block", "the last of several", "none"],
)
def test_the_reason_is_read_as_it_was_said(tmp_path: Path, printed: str, reason: str) -> None:
    log = tmp_path / "run.log"
    log.write_text(printed, encoding="utf-8")
    assert PlaybookRun("deploy", 2, 1.0, log).reason() == reason
    assert PlaybookRun("deploy", 0, 1.0, log).reason() == ""
