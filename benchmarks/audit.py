# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit log costs: an event written alone and in a batch beside a plain write and fsync of the same bytes and
beside json.dumps with the same write, and verifying beside a plain SHA-256 of the same file. Each round measures all
sides, one after the other.

Writes below the directory that it is given.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._audit.event import event
from ansible_collections.slipway.release.plugins.module_utils._audit.log import Log
from ansible_collections.slipway.release.plugins.module_utils._audit.redact import Redactor
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import BROKEN, verify

from .figures import median

STREAM = "benchmark"
SINGLE, BATCH, BATCHES = 200, 100, 20
VERIFIED = 200_000
FIELDS = {
    "type": "deployment",
    "operation": "switch",
    "outcome": "success",
    "environment": "production",
    "version": "1.4.2",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "strategy": "canary",
    "change_request": "CHG-1042",
    "target": "lb1",
    "deployment": "20261122-190010-7",
    "token": 7,
    "duration_ms": 12,
    "compliance_profiles": ["sox", "pci_dss"],
    "initiator": {"user": "ada@controller", "source_ip": "192.0.2.7"},
    "details": {"percent": 25, "generation": 7, "balancers": ["lb1", "lb2"]},
}


def figures(directory: Path, rounds: int) -> Iterator[str]:
    """The lines to print."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        yield from _emitting(directory, rounds)
        yield from _verifying(directory, rounds)
    finally:
        shutil.rmtree(directory)


def _emitting(directory: Path, rounds: int) -> Iterator[str]:
    log, redactor = Log(Files(directory, STREAM)), Redactor(values=["a-secret-of-this-run"])
    log.append([_made(redactor)])
    line = log.files.current.read_bytes().splitlines(keepends=True)[-1]
    descriptor = os.open(directory / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for name, count, size, aim in (("single", SINGLE, 1, "3"), (f"batch of {BATCH}", BATCHES, BATCH, "3")):
            plain, dumped, emitted = [], [], []
            processor = time.process_time()
            for _round in range(rounds):
                plain.append(_time(partial(_written, descriptor, line * size), count) / size)
                dumped.append(_time(partial(_dumped, descriptor, size), count) / size)
                emitted.append(_time(partial(_emitted, log, redactor, size), count) / size)
            used = (time.process_time() - processor) / (rounds * count * size)
            ratios = [one / floor for one, floor in zip(emitted, plain)]
            dumps = [one / floor for one, floor in zip(emitted, dumped)]
            yield (
                f"audit emit, {name}: {median(emitted) * 1e6:.1f} us an event ({used * 1e6:.1f} us of processor, "
                f"plain sides included), plain write and fsync "
                f"{median(plain) * 1e6:.1f} us, ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}; "
                f"aim: at most {aim}); to json.dumps, write and fsync {median(dumps):.2f} "
                f"({min(dumps):.2f} to {max(dumps):.2f})"
            )
    finally:
        os.close(descriptor)


def _verifying(directory: Path, rounds: int) -> Iterator[str]:
    files = Files(directory, "verified")
    log, redactor = Log(files, rotate=1 << 40), Redactor()
    for _batch in range(VERIFIED // 1000):
        log.append([_made(redactor) for _event in range(1000)])
    size = files.current.stat().st_size
    hashed, verified = [], []
    for _round in range(rounds):
        hashed.append(_time(lambda: _hashed(files.current), 1))
        verified.append(_time(lambda: _proven(files), 1))
    ratios = [one / floor for one, floor in zip(verified, hashed)]
    yield (
        f"audit verify: {VERIFIED / median(verified):,.0f} events/s of {size // VERIFIED} bytes, "
        f"plain SHA-256 {VERIFIED / median(hashed):,.0f} events/s, ratio {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}; aim: at most 4)"
    )


def _emitted(log: Log, redactor: Redactor, size: int) -> None:
    log.append([_made(redactor) for _event in range(size)])


def _made(redactor: Redactor) -> dict[str, object]:
    return redactor.redacted(event(FIELDS))


def _time(act: Callable[[], object], count: int) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    for _call in range(count):
        act()
    return (time.perf_counter() - started) / count


def _written(descriptor: int, data: bytes) -> None:
    os.write(descriptor, data)
    os.fsync(descriptor)


def _dumped(descriptor: int, size: int) -> None:
    _written(descriptor, "".join(json.dumps(FIELDS) + "\n" for _event in range(size)).encode())


def _hashed(path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    digest.hexdigest()


def _proven(files: Files) -> None:
    if verify(files, {}).verdict == BROKEN:
        raise AssertionError("the log of the benchmark is broken")
