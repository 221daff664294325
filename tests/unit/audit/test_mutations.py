# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to a log, it is never intact: it is broken, or unproven where no checkpoint covers what differs."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit.record import read
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import BROKEN, INTACT, UNPROVEN, verify

from .made import files
from .mutations import MUTATIONS, original, records

Count = Counter[tuple[str, str, str]]


def counted(directory: Path, rounds: int) -> Count:
    """How many logs got which verdict, by kind of the mutation and place of the checkpoint."""
    head = original(directory / "original")
    whole = records(directory / "original")
    middle = read(whole[len(whole) // 2][:-1])
    checkpoints = {"end": (head.seq, head.hash), "middle": (middle.seq, middle.hash), "none": (0, "")}
    found: Count = Counter()
    for number in range(rounds):
        random_ = random.Random(number)
        mutation = MUTATIONS[number % len(MUTATIONS)]
        copy = directory / "copy"
        shutil.copytree(directory / "original", copy)
        mutation(random_, copy)
        changed = records(copy)
        for name, (seq, digest) in checkpoints.items():
            report = verify(files(copy), {seq: digest} if seq else {})
            case = (number, mutation.__name__, name, report.as_result())
            assert all(it.file and it.line >= 0 and it.seq >= 0 for it in report.findings), case
            if changed == whole:
                assert seq == 0 or report.verdict in (INTACT if name == "end" else UNPROVEN, BROKEN), case
                found["unchanged", name, report.verdict] += 1
                continue
            assert report.verdict != INTACT, case
            if report.verdict == UNPROVEN:
                assert changed[:seq] == whole[:seq], case
            found[mutation.__name__, name, report.verdict] += 1
        shutil.rmtree(copy)
    return found


@pytest.mark.parametrize("rounds", [300, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_every_mutation_is_detected(in_memory: Path, rounds: int) -> None:
    found = counted(in_memory, rounds)
    kinds = {kind for kind, _checkpoint, _verdict in found}
    assert kinds >= {mutation.__name__ for mutation in MUTATIONS}
    assert sum(count for (kind, _checkpoint, _verdict), count in found.items() if kind == "unchanged") < rounds * 0.15
    at_end = {kind for (kind, checkpoint, verdict) in found if checkpoint == "end" and verdict == UNPROVEN}
    assert at_end <= {"append"}
