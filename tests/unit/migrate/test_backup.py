# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which record of a backup is good enough to migrate."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backup import PARTS, require_verified
from ansible_collections.slipway.release.plugins.module_utils._migrate.lock import key_of

from tools.environments import TOP

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
FOUR = '{"finished": "2026-11-22T04:00:00Z", "verified": true}'


def test_a_young_verified_backup_is_enough(tmp_path: Path) -> None:
    record = tmp_path / "backup.json"
    record.write_text(FOUR, encoding="utf-8")
    require_verified(record, 8 * 3600, NOON)
    record.write_text('{"finished": "2026-11-22T05:00:00+01:00", "verified": true}', encoding="utf-8")
    require_verified(record, 8 * 3600, NOON)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "there is no record of a backup"),
        (FOUR.replace("true", "false"), "2026-11-22 04:00:00 UTC is not verified"),
        (FOUR.replace("true", '"yes"'), "is not verified"),
        ('{"finished": "2026-11-22T04:00:00Z"}', "is not verified"),
        (FOUR.replace("22T04:00:00", "22T03:59:59"), "28801 seconds old, and may be 28800"),
        (FOUR.replace("22T04", "22T13"), "which is to come"),
        (FOUR.replace("Z", ""), "is no time with its zone"),
        ('{"verified": true}', "is no time with its zone"),
        ("[]", "is no JSON object"),
        ("{", "cannot be read"),
        ("[" * 200_000, "cannot be read"),
        ('{"a":' * 200_000, "cannot be read"),
        (FOUR.replace("2026-11-22T04:00:00Z", "0001-01-01T00:00:00+14:00"), "is no time with its zone"),
        (FOUR.replace("2026-11-22T04:00:00Z", "9999-12-31T23:59:59-14:00"), "is no time with its zone"),
    ],
)
def test_any_other_is_not(tmp_path: Path, text: str | None, what: str) -> None:
    record = tmp_path / "backup.json"
    if text is not None:
        record.write_text(text, encoding="utf-8")
    with pytest.raises(SlipwayError) as caught:
        require_verified(record, 8 * 3600, NOON)
    assert what in caught.value.what and caught.value.where == str(record)
    assert "verify it" in caught.value.remedy


def test_the_number_of_the_lock_is_documented() -> None:
    page = (TOP / "docs" / "migrations.md").read_text(encoding="utf-8")
    assert f"SELECT pg_try_advisory_lock({key_of(*PARTS)});" in page
    assert f"pg_advisory_lock({key_of(*PARTS)})" not in page
