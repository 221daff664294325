# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests that kill, stall and race controllers, on a lab of their own; arguments go to pytest.

Brings the lab that ``SLIPWAY_LAB`` names up and takes it down again.
"""

from __future__ import annotations

import os
import sys

from tools.environments import TOP
from tools.system import run

TESTS = TOP / "tests" / "crash"


def main(arguments: list[str]) -> int:
    """Run the sample, or what the arguments choose."""
    return run([TESTS], os.environ.get("SLIPWAY_LAB", "crash"), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
