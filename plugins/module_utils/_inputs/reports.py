# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of reports. Touches nothing."""

from __future__ import annotations

from typing import Any

VARIABLES: dict[str, dict[str, Any]] = {
    "slipway_report_period": {
        "type": "str",
        "default": "",
        "description": "Period of compliance_report.yml in UTC: a quarter (C(2026-Q4)), a month (C(2026-11)), a year "
        "(C(2026)), or days (C(2026-10-01/2026-11-15)); the last whole quarter when empty.",
    },
    "slipway_reports_directory": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Directory on the controller that gets the files of reports; C(~/.slipway/reports) when empty.",
    },
}
