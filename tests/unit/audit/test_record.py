# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A record has one form, whoever writes it; what has no such form is refused with a clear error."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import record
from ansible_collections.slipway.release.plugins.module_utils._audit.event import OUTCOMES, event
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import canonical
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

from .made import STREAM, an_event, filled, log

VECTORS: list[dict[str, str]] = json.loads(
    (Path(__file__).resolve().parents[2] / "fixtures/audit/rfc8785.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_rfc_8785(vector: dict[str, str]) -> None:
    value = json.loads(vector["input"])
    if "refused" in vector:
        with pytest.raises(ValueError, match=vector["refused"]):
            canonical(value)
    else:
        assert canonical(value) == vector["output"].encode()


def test_whatever_is_written_is_read_the_same() -> None:
    made = random.Random(5)
    for _round in range(300):
        sent = an_event(details={"any": _anything(made, 4)})
        line, head = record.made(STREAM, record.Head(), sent)
        found = record.read(line[:-1])
        assert found.holds()
        assert (found.event, found.seq, found.hash) == (json.loads(json.dumps(sent)), 1, head.hash)


def _anything(made: random.Random, depth: int) -> Any:
    kind = made.randrange(7 if depth else 5)
    if kind == 0:
        return made.randrange(-(2**53) + 1, 2**53)
    if kind == 1:
        return made.choice([None, True, False])
    if kind < 5:
        return "".join(
            chr(made.choice([made.randrange(0xD800), made.randrange(0xE000, 0x110000)])) for count in range(9)
        )
    if kind == 5:
        return [_anything(made, depth - 1) for count in range(made.randrange(4))]
    return {f"k{made.randrange(99)}\n\x7f": _anything(made, depth - 1) for count in range(made.randrange(4))}


def test_the_hash_is_that_of_the_tag_and_the_canonical_json_of_chain_and_event() -> None:
    line, head = record.made(STREAM, record.Head(3, 41, "ab" * 32), an_event())
    content = json.loads(line)
    assert content["chain"] == {"prev_hash": "ab" * 32, "schema": 1, "segment": 3, "seq": 42, "stream": STREAM}
    del content["hash"]
    assert head.hash == hashlib.sha256(b"slipway.release/audit/v1\n" + canonical(content)).hexdigest()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"chain":1,"event":{},"hash":""}',
        b"\xff",
    ],
    ids=["empty", "null", "list", "deep", "object", "number", "bytes"],
)
def test_what_is_no_record_is_said_to_be_none(line: bytes) -> None:
    with pytest.raises(record.Malformed):
        record.read(line)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"chain"', b'{ "chain"'),
        (b'"seq":1', b'"seq":1.0'),
        (b'"seq":1', b'"seq":-1'),
        (b'"seq":1', b'"seq":true'),
        (b'"schema":1', b'"schema":2'),
        (b'"token":0', b'"token":NaN'),
        (b'"token":0', b'"token":0,"token":0'),
        (b'"stream":"deployments"', b'"stream":"deployments","z":1'),
    ],
)
def test_another_form_of_the_same_is_no_record(old: bytes, new: bytes) -> None:
    line = record.made(STREAM, record.Head(), an_event())[0][:-1]
    assert old in line
    with pytest.raises(record.Malformed):
        record.read(line.replace(old, new, 1))


def test_an_event_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        record.made(STREAM, record.Head(), an_event(details={"text": "x" * record.LARGEST}))


@pytest.mark.parametrize("value", [0.5, 2**53, {"ä": 1}, "\ud800", float("nan")])
def test_what_has_no_canonical_form_is_refused_with_its_place(tmp_path: Path, value: Any) -> None:
    head = filled(tmp_path)
    with pytest.raises(InputError) as caught:
        log(tmp_path).append([an_event(), an_event(details={"deep": [{"er": value}]})])
    assert log(tmp_path).head() == head
    assert caught.value.where == "events: details"
    assert "cannot be recorded" in caught.value.what


@pytest.mark.parametrize(
    "fields",
    [
        {"operation": "switch"},
        {"type": "deployment"},
        {"type": "deployment", "operation": "switch", "colour": "red"},
        {"type": "deployment", "operation": "switch", "stage": "later"},
        {"type": "deployment", "operation": "switch", "outcome": "fine"},
        {"type": "audit.log", "operation": "segment.close"},
    ],
)
def test_an_event_that_is_none_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        event(fields)


def test_an_intent_is_pending_whatever_is_said() -> None:
    for outcome in OUTCOMES:
        assert an_event(stage="intent", outcome=outcome)["outcome"] == "pending"


def test_the_level_metadata_leaves_the_details_out() -> None:
    fields = {"type": "deployment", "operation": "switch", "details": {"much": "text"}}
    assert "details" in event(fields)
    assert "details" not in event(fields, "metadata")
