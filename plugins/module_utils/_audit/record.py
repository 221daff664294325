# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of an audit log: canonical JSON of the chain, the event and the hash of both. Touches nothing.

The hash is SHA-256 over a domain tag and the canonical JSON of chain and event. These two come first in the line, and
the chain has its fields first in turn, so that the bytes that are hashed are the line's own but for its end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._common.canonical import canonical

SCHEMA = 1
DOMAIN = b"slipway.release/audit/v1\n"
GENESIS = "0" * 64
LARGEST = 1024 * 1024
STREAM = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
END = b',"hash":"%b"}'
_NO_END = END % GENESIS.encode("ascii")
_END_LENGTH = len(_NO_END)
HASH_AT = slice(-66, -2)
_HASH = re.compile(rb"[0-9a-f]{64}")
_TAGGED = hashlib.sha256(DOMAIN)


class Malformed(ValueError):
    """The line is no record, or not in the form in which it would have been written."""


@dataclass(frozen=True)
class Record:
    """A record that was read; whether its hash is right is another question.

    :ivar line: its bytes, without the line feed.
    """

    line: bytes
    segment: int
    seq: int
    stream: str
    prev_hash: str
    hash: str
    event: dict[str, Any]

    def holds(self) -> bool:
        """Whether the hash is that of the content."""
        return digest_of(self.line) == self.hash.encode("ascii", "replace")


@dataclass(frozen=True)
class Head:
    """Where a log ends; what the next record follows.

    :ivar seq: of the last record; 0 without any.
    """

    segment: int = 1
    seq: int = 0
    hash: str = GENESIS


def chain_pattern(stream: str, segment: int) -> bytes:
    """How every line of a segment begins, with places for the hash before and the number."""
    return b'{"chain":{"prev_hash":"%%b","schema":%d,"segment":%d,"seq":%%d,"stream":"%b"},"event":{' % (
        SCHEMA,
        segment,
        stream.encode("ascii"),
    )


def made(stream: str, head: Head, event: Mapping[str, Any]) -> tuple[bytes, Head]:
    """The line of an event that follows ``head``, with its line feed, and where the log ends with it.

    :raises ValueError: the event has no canonical form, or is too large.
    """
    begin = chain_pattern(stream, head.segment) % (head.hash.encode("ascii"), head.seq + 1)
    content = begin + canonical(dict(event))[1:]
    digest = digest_of(content + _NO_END)
    line = content + END % digest + b"\n"
    if len(line) > LARGEST:
        raise ValueError(f"the event has {len(line)} bytes, more than {LARGEST}")
    return line, Head(head.segment, head.seq + 1, digest.decode("ascii"))


def digest_of(line: bytes) -> bytes:
    """The hash that a line without its line feed should have, in hexadecimal."""
    made_of = _TAGGED.copy()
    made_of.update(line[:-_END_LENGTH] + b"}")
    return made_of.hexdigest().encode("ascii")


def stated_hash(line: bytes) -> str | None:
    """The hash that a line without its line feed states, also of one that was edited elsewhere."""
    stated = line[HASH_AT]
    return stated.decode("ascii") if _HASH.fullmatch(stated) else None


def read(line: bytes) -> Record:
    """A line without its line feed, read strictly.

    :raises Malformed: it is none that this program has written.
    """
    try:
        content = json.loads(line)
        chain = content["chain"]
        if canonical(content) != line:
            raise Malformed("it is not in canonical form")
        if set(content) != {"chain", "event", "hash"} or set(chain) != {
            "prev_hash",
            "schema",
            "segment",
            "seq",
            "stream",
        }:
            raise Malformed("it has other fields than a record")
        if chain["schema"] != SCHEMA:
            raise Malformed(f"it has schema {chain['schema']}, this collection understands {SCHEMA}")
        numbers = [chain["segment"], chain["seq"]]
        texts = [chain["stream"], chain["prev_hash"], content["hash"]]
        if not (
            all(isinstance(it, int) and not isinstance(it, bool) and it > 0 for it in numbers)
            and all(isinstance(it, str) for it in texts)
            and isinstance(content["event"], dict)
        ):
            raise Malformed("its fields are of other types than those of a record")
    except Malformed:
        raise
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed("it is no record") from None
    stream, prev_hash, stated = texts
    return Record(line, chain["segment"], chain["seq"], stream, prev_hash, stated, content["event"])
