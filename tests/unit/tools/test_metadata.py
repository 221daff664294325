# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's metadata names every module and one version."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parent.parent.parent.parent


def test_the_action_group_has_every_module() -> None:
    runtime = yaml.safe_load((TOP / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    modules = sorted(path.stem for path in (TOP / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
    assert runtime["action_groups"]["release"] == modules


def test_one_version_everywhere() -> None:
    galaxy = yaml.safe_load((TOP / "galaxy.yml").read_text(encoding="utf-8"))
    project = re.search(r'^version = "(.+)"$', (TOP / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert project is not None
    assert project[1] == galaxy["version"]


def test_tests_and_tools_are_not_published() -> None:
    galaxy = yaml.safe_load((TOP / "galaxy.yml").read_text(encoding="utf-8"))
    unpublished = {".cache", ".ci", "benchmarks", "demo", "lab", "Makefile", "molecule", "sample", "tests", "tools"}
    assert unpublished <= set(galaxy["build_ignore"])
