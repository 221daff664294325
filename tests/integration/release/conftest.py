# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with the account of the application and without the application."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import tiny


@pytest.fixture(autouse=True)
def machine():
    subprocess.run(["useradd", "--system", "--no-create-home", "tiny"], check=False, capture_output=True)
    tiny.wipe()
    yield
    tiny.wipe()


@pytest.fixture
def one(tmp_path):
    return tiny.Release(tmp_path, "1.0")


@pytest.fixture
def two(tmp_path):
    return tiny.Release(tmp_path, "2.0")
