# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the same with several ansible-cores at once; what each printed is shown as a whole when it has ended."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from tools.environments import Environment

Run = Callable[[Environment, IO[bytes]], int]


def failures(environments: list[Environment], run: Run) -> list[str]:
    """Names of the environments with which ``run`` did not end with 0; it writes its output to the file it is given."""
    with ThreadPoolExecutor(len(environments)) as pool:
        codes = list(pool.map(lambda environment: _shown(environment, run), environments))
    return [environment.name for environment, code in zip(environments, codes, strict=True) if code != 0]


def _shown(environment: Environment, run: Run) -> int:
    with tempfile.TemporaryFile() as output:
        code = run(environment, output)
        output.seek(0)
        text = output.read().decode("utf-8", errors="replace")
    sys.stdout.write(f"ansible-core {environment.core}\n{text}")
    sys.stdout.flush()
    return code
