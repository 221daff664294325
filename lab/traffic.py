# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the traffic meter beside the playbooks. Starts one local process that ends by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

METER = "ansible_collections.slipway.release.plugins.module_utils._meter"


class Traffic:
    """Live traffic against one address, from entering the context until :meth:`stop`.

    :param url: the public address of the application in the lab.
    :param rate: requests a second.
    :param longest: seconds after which it ends in any case.
    :param records: whether each request is written to ``self.records``.
    """

    def __init__(
        self, url: str, *, rate: int, longest: int, report: Path, collections: Path, records: bool = False
    ) -> None:
        self.report = report
        self.records = report.with_suffix(".jsonl")
        self.stop_file = report.with_suffix(".stop")
        for path in (self.report, self.stop_file):
            path.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", METER, "--url", url, "--rate", str(rate)),
                *("--keepalive-share", "0.5", "--slow", "20", "--long", "20"),
                *("--duration", str(longest), "--until-file", str(self.stop_file), "--report", str(self.report)),
                *(("--records", str(self.records)) if records else ()),
            ],
            env={**os.environ, "PYTHONPATH": str(collections)},
            stdout=subprocess.DEVNULL,
        )

    def stop(self) -> dict[str, Any]:
        """End the traffic and return the meter's summary.

        :raises RuntimeError: the meter itself failed, so that nothing was measured.
        """
        self.stop_file.touch()
        self.process.wait(timeout=120)
        if not self.report.exists():
            raise RuntimeError(f"the traffic meter ended with {self.process.returncode} and left no report")
        return dict(json.loads(self.report.read_text(encoding="utf-8")))
