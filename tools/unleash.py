# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what the integration tests of feature flags run in their lab machine: an Unleash server with a Node.js of its
own, and the engine of its SDKs.

Needs npm. Writes below ``.cache/unleash``, once for each version; no install script of a package is run.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path
from typing import IO

from tools.environments import CACHE

DIRECTORY = CACHE / "unleash"
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
SERVER = "unleash-server@7.5.1"
NODE = f"node-linux-{ARCHITECTURES.get(platform.machine(), 'x64')}@20.19.0"
ENGINE = "yggdrasil-engine==2.0.0"
STAMP = DIRECTORY / "stamp"
VERSIONS = f"{SERVER} {NODE} {ENGINE}\n"
INSTALL = ("npm", "install", "--ignore-scripts", "--no-save", "--package-lock=false", "--no-audit", "--no-fund")


def make(python: Path, output: IO[bytes]) -> bool:
    """Install both unless they are there.

    :param python: an interpreter of the lab machine's version, with pip.
    :param output: takes what the installers say.
    """
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == VERSIONS:
        return True
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    if not shutil.which("npm"):
        output.write(b"the tests of Unleash need npm: install the package npm, or nodejs of a newer distribution\n")
        return False
    for command in (
        [*INSTALL, "--prefix", str(DIRECTORY), SERVER, NODE],
        [str(python), "-m", "pip", "install", "--quiet", "--target", str(DIRECTORY / "python"), ENGINE],
    ):
        if subprocess.run(command, cwd=DIRECTORY, stdout=output, stderr=output, check=False).returncode != 0:
            return False
    STAMP.write_text(VERSIONS, encoding="utf-8")
    return True
