# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody with all rights may do to a log. Each mutation changes the files below the directory that it is given.

The first segment is packed, the second is closed, the third is the current one.
"""

from __future__ import annotations

import gzip
import random
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._audit.event import of_log
from ansible_collections.slipway.release.plugins.module_utils._audit.log import CLOSED, OPEN, OPENED
from ansible_collections.slipway.release.plugins.module_utils._audit.record import GENESIS, Head, made, read

from .made import STREAM, an_event, files, filled, log

RECORDS, SEGMENTS = 21, 3
Mutation = Callable[[random.Random, Path], None]


def original(directory: Path) -> Head:
    """The log that is changed; where it ends."""
    head = filled(directory, RECORDS, SEGMENTS)
    plain = files(directory).plain(1)
    files(directory).packed(1).write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()
    return head


def paths(directory: Path) -> list[Path]:
    """The segments that there are."""
    return [*files(directory).closed().values(), *files(directory).current.parent.glob("current.jsonl")]


def text(path: Path) -> bytes:
    """What is read of a segment; nothing of one that cannot be unpacked."""
    raw = path.read_bytes()
    if path.suffix != ".gz":
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        return b""


def lines(path: Path) -> list[bytes]:
    """Its lines, with their line feeds."""
    return text(path).splitlines(keepends=True)


def put(path: Path, changed: list[bytes]) -> None:
    """Write a segment."""
    data = b"".join(changed)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def records(directory: Path) -> list[bytes]:
    """The lines of all segments."""
    return [line for path in paths(directory) for line in lines(path)]


def flip(random_: random.Random, directory: Path) -> None:
    """Some bits, also of a packed file."""
    path = random_.choice(paths(directory))
    data = bytearray(path.read_bytes())
    for _bit in range(random_.choice([1, 1, 1, 2, 8])):
        data[random_.randrange(len(data))] ^= 1 << random_.randrange(8)
    path.write_bytes(data)


def edit(random_: random.Random, directory: Path) -> None:
    """An event, with its old hash, a right one, or one of another line."""
    path = random_.choice(paths(directory))
    changed = lines(path)
    place = random_.randrange(len(changed))
    victim = read(changed[place][:-1])
    event = {**victim.event, "outcome": "refused", "token": random_.randrange(10**6)}
    line = made(STREAM, Head(victim.segment, victim.seq - 1, victim.prev_hash), event)[0]
    changed[place] = random_.choice(
        [line, line[:-68] + random_.choice(changed)[-68:], line[:-68] + changed[place][-68:]]
    )
    put(path, changed)


def insert(random_: random.Random, directory: Path) -> None:
    """A line that was not there, at any place."""
    path = random_.choice(paths(directory))
    changed = lines(path)
    place = random_.randrange(len(changed) + 1)
    forged = made(STREAM, Head(random_.randrange(1, 4), random_.randrange(40), "cd" * 32), an_event())[0]
    changed.insert(place, random_.choice([forged, b"\n", b"{}\n", b"\0\n", random_.choice(changed)]))
    put(path, changed)


def delete(random_: random.Random, directory: Path) -> None:
    """Some lines in a row."""
    path = random_.choice(paths(directory))
    changed = lines(path)
    first = random_.randrange(len(changed))
    put(path, changed[:first] + changed[first + random_.randrange(1, 6) :])


def swap(random_: random.Random, directory: Path) -> None:
    """Two lines, also of two files."""
    one, other = random_.choice(paths(directory)), random_.choice(paths(directory))
    first = lines(one)
    at = random_.randrange(len(first))
    if one == other:
        to = random_.choice([place for place in range(len(first)) if place != at])
        first[at], first[to] = first[to], first[at]
    else:
        second = lines(other)
        to = random_.randrange(len(second))
        first[at], second[to] = second[to], first[at]
        put(other, second)
    put(one, first)


def swap_files(random_: random.Random, directory: Path) -> None:
    """Two segments."""
    one, other = random_.sample(paths(directory), 2)
    first, second = lines(one), lines(other)
    put(one, second)
    put(other, first)


def truncate(random_: random.Random, directory: Path) -> None:
    """A segment, at any byte of its content or its file."""
    path = random_.choice(paths(directory))
    if random_.random() < 0.5:
        data = path.read_bytes()
        path.write_bytes(data[: random_.randrange(len(data))])
    else:
        data = text(path)
        put(path, [data[: random_.randrange(len(data))]])


def unlink(random_: random.Random, directory: Path) -> None:
    """Whole segments."""
    for path in random_.sample(paths(directory), random_.choice([1, 1, 2])):
        path.unlink()


def replay(random_: random.Random, directory: Path) -> None:
    """A prefix again, at the end; or an earlier segment in the place of a later one."""
    path = random_.choice(paths(directory))
    changed = lines(path)
    if random_.random() < 0.7:
        source = lines(random_.choice(paths(directory)))
        put(path, changed + source[: random_.randrange(1, len(source))])
    else:
        put(path, lines(random_.choice([it for it in paths(directory) if it != path])))


def append(random_: random.Random, directory: Path) -> None:
    """Something behind the end: torn, no record, or a record that follows."""
    path = files(directory).current
    last = read(lines(path)[-1][:-1])
    line = made(STREAM, Head(last.segment, last.seq, last.hash), an_event(random_.randrange(99)))[0]
    added = [line, line[: random_.randrange(1, len(line))], b"\0" * random_.randrange(1, 9), b"{}\n"]
    put(path, [*lines(path), random_.choice(added)])


def replace_file(random_: random.Random, directory: Path) -> None:
    """One segment by that of another log in the right form, with right hashes but for what is before and behind."""
    place = random_.randrange(SEGMENTS)
    path = paths(directory)[place]
    before = read(lines(path)[0][:-1])
    head = Head(before.segment, before.seq - 1, before.prev_hash)
    put(path, _segment(random_, place, head, len(lines(path)) + random_.choice([-2, 0, 0, 3])))


def replace_rest(random_: random.Random, directory: Path) -> None:
    """All segments from one on, with all hashes made anew, so that the chain is right."""
    first = random_.randrange(SEGMENTS)
    found = paths(directory)
    before = read(lines(found[first])[0][:-1])
    head = Head(before.segment, before.seq - 1, before.prev_hash)
    for place in range(first, SEGMENTS):
        made_ = _segment(random_, place, head, random_.randrange(4, 12))
        last = read(made_[-1][:-1])
        head = Head(last.segment + 1, last.seq, last.hash)
        put(found[place], made_)


def rewrite(random_: random.Random, directory: Path) -> None:
    """The current segment from some line on, with all hashes made anew."""
    path = files(directory).current
    changed = lines(path)
    first = random_.randrange(1, len(changed))
    before = read(changed[first - 1][:-1])
    head = Head(before.segment, before.seq, before.hash)
    put(path, changed[:first] + _lines(random_, head, random_.randrange(1, 12)))


def replace_log(random_: random.Random, directory: Path) -> None:
    """The whole log by another one with some of its events, which may be longer."""
    events = [read(line[:-1]).event for line in records(directory)]
    shutil.rmtree(directory)
    kept = [event for event in events if event["type"] != "audit.log"]
    random_.shuffle(kept)
    log(directory).append(kept[: random_.randrange(1, len(kept))] * random_.randrange(1, 4))


def rechain_stale(random_: random.Random, directory: Path) -> None:
    """A changed event, and the chain from there on named anew, but with the hashes that the lines had."""
    path = random_.choice(paths(directory))
    changed = lines(path)
    place = random_.randrange(len(changed) - 1)
    victim = read(changed[place][:-1])
    line, head = made(
        STREAM, Head(victim.segment, victim.seq - 1, victim.prev_hash), {**victim.event, "outcome": "refused"}
    )
    follower = changed[place + 1].replace(victim.hash.encode(), head.hash.encode(), 1)
    put(path, [*changed[:place], line, follower, *changed[place + 2 :]])


def _segment(random_: random.Random, place: int, head: Head, length: int) -> list[bytes]:
    """The lines of a whole segment that follows a head."""
    begin = of_log(OPENED) if place else of_log(OPEN)
    first, after = made(STREAM, head if place else Head(1, 0, GENESIS), begin)
    middle = _lines(random_, after, max(1, length - 2))
    last = read(middle[-1][:-1])
    closing = made(STREAM, Head(last.segment, last.seq, last.hash), of_log(CLOSED))[0]
    return [first, *middle, *([closing] if place < SEGMENTS - 1 else [])]


def _lines(random_: random.Random, head: Head, length: int) -> list[bytes]:
    found = []
    for _line in range(length):
        line, head = made(STREAM, head, an_event(random_.randrange(99)))
        found.append(line)
    return found


MUTATIONS: tuple[Mutation, ...] = (
    flip,
    edit,
    insert,
    delete,
    swap,
    swap_files,
    truncate,
    unlink,
    replay,
    append,
    replace_file,
    replace_rest,
    rewrite,
    replace_log,
    rechain_stale,
)
