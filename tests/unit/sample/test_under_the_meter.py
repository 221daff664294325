# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meter on the sample: all classes without a loss, and as control the same with a release that fails."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.slipway.release.plugins.module_utils._meter.meter import Meter
from ansible_collections.slipway.release.plugins.module_utils._meter.options import Options
from ansible_collections.slipway.release.plugins.module_utils._meter.records import CLASSES

from .conftest import Shop


def test_zero_with_a_good_release_and_the_exact_share_with_a_failing_one(shop: Callable[..., Shop]) -> None:
    totals = {}
    for version in ("1.0.0", "2.0.0-errors"):
        one = shop(version)
        options = Options(
            url=f"http://127.0.0.1:{one.port}/", duration=3.5, rate=200, slow=6, slow_ms=200, long=6, long_seconds=2
        )
        summary = Meter(options).run()
        totals[version] = summary["total"]
        assert all(summary["classes"][name]["ok"] for name in CLASSES)
        assert [entry["version"] for entry in summary["total"]["answered_by"]] == [version]
        assert set(summary["instances"]) == {"blue-app1"}
    assert totals["1.0.0"]["lost"] == 0
    failing = totals["2.0.0-errors"]
    assert failing["lost"] == failing["lost_by"]["status"] == failing["sent"] // 20
