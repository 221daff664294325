# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""users.py FLAG REPORT DEFINITIONS: which of 2,000 users have a flag, by flagd's own evaluator.

Writes the report; fails when a report that is there, of another host, says anything else.
"""

import json
import sys
from pathlib import Path

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

flag, report, definitions = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
core = FlagdCore()
core.set_flags(definitions.read_text(encoding="utf-8"))
users = [f"user-{number}" for number in range(2000)]
having = [user for user in users if core.resolve_boolean_value(flag, False, EvaluationContext(user, {})).value]
if report.exists() and json.loads(report.read_text(encoding="utf-8")) != having:
    sys.exit(f"{definitions}: {len(having)} users have {flag}, but others than on another host")
report.write_text(json.dumps(having), encoding="utf-8")
