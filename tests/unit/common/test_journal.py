# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common import journal as journal_module
from ansible_collections.slipway.release.plugins.module_utils._common.journal import Journal


def test_the_journal_heals_a_torn_line_and_rolls_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.append("intent", 1, after={"x": 1})
    with journal.path.open("a") as torn:
        torn.write('{"half')
    journal.append("outcome", 1)
    lines = journal.path.read_text().splitlines()
    assert [line[:6] for line in lines] == ['{"afte', '{"half', '{"at":']
    assert json.loads(lines[2])["event"] == "outcome"
    monkeypatch.setattr(journal_module, "LARGEST", 1)
    journal.append("intent", 2)
    journal.append("intent", 3)
    assert json.loads((tmp_path / "journal.1.jsonl").read_text().splitlines()[-1])["token"] == 2
    assert json.loads(journal.path.read_text())["token"] == 3
