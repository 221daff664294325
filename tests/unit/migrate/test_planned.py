# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was planned, as the module is given it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.slipway.release.plugins.module_utils._migrate.options import MIGRATING, from_params
from ansible_collections.slipway.release.plugins.module_utils._migrate.planned import Planned

SUM = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
FILE = {"schema": "public", "version": "42", "name": "orders", "phase": "expand", "checksum": SUM}
REPEATABLE = {**FILE, "version": "", "name": "view"}
OLDER = [{name: value for name, value in FILE.items() if name != "checksum"}]


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({}, None),
        ({"planned": []}, frozenset()),
        ({"planned": OLDER}, None),
        (
            {"planned": [FILE, REPEATABLE]},
            {Planned("public", "42", "orders", SUM), Planned("public", "", "view", SUM)},
        ),
    ],
    ids=["left out", "nothing", "an older plan", "a plan"],
)
def test_the_files_of_a_plan_are_taken_as_it_has_them(given: dict[str, Any], bound: set[Planned] | None) -> None:
    validated = ArgumentSpecValidator(MIGRATING).validate({"path": "/m", **given})
    assert not validated.error_messages
    assert from_params(validated.validated_parameters).planned == bound
