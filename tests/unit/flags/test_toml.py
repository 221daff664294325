# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TOML that is edited: at random, seen by Python's own reader."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._flags.toml_file import TomlFile
from ansible_collections.slipway.release.plugins.module_utils._flags.toml_text import NotUnderstood, string_of, table

from .stores import changed

tomllib = pytest.importorskip("tomllib")

NAMES = [f"flag_{number}" for number in range(6)]
FORMS = [
    lambda names: "[" + ", ".join(names) + "]",
    lambda names: "[ " + " , ".join(names) + (" ," if names else "") + " ]  # note 1",
    lambda names: "[\n" + "".join(f"  {name},\n" for name in names) + "]",
    lambda names: "[\n" + "".join(f"\t{name},  # note {index}, [x]\n" for index, name in enumerate(names)) + "]",
    lambda names: "[\n  # note 2\n" + ",\n".join(f"  {name}" for name in names) + "\n  # note 3\n]",
    lambda names: "[" + (", ".join(names[:2]) + (",\n  " if names[2:] else "") + ", ".join(names[2:])) + "]",
]
AROUND = [
    "",
    'text = """\n[feature_flags]\nenabled = ["x"]\n"""\n',
    "'quoted # key' = 'a # no comment'\n[other]\nenabled = [['a'], [1, 2]]\nuntil = 2026-01-01T00:00:00Z\n",
    '# enabled = [\n[[many]]\na = 1\n[[many]]\na = { b = ["]"], c = 1.5 }\n',
]


def made(chance: random.Random, enabled: list[str], disabled: list[str]) -> str:
    """A file with these flags, in some form."""
    arrays = []
    for key, names in (("enabled", enabled), ("disabled", disabled)):
        quoted = [chance.choice(['"{}"', "'{}'"]).format(name) for name in names]
        if names or chance.random() < 0.5:
            arrays.append(f"{key} = {chance.choice(FORMS)(quoted)}\n")
    chance.shuffle(arrays)
    middle = chance.choice(["", "\n", "# between\n", "other = true\n"])
    after = chance.choice(["", "\n[server]\nport = 1\ndisabled = ['x']\n", "[feature_flags.more]\nenabled = ['y']\n"])
    return f"{chance.choice(AROUND)}[feature_flags]\n{middle.join(arrays)}{after}"


def test_at_random_one_flag_moves_and_nothing_else_changes(tmp_path: Path) -> None:
    chance = random.Random(7)
    path = tmp_path / "flags.toml"
    for _round in range(400):
        names = chance.sample(NAMES, chance.randint(0, 6))
        split = chance.randint(0, len(names))
        text = made(chance, names[:split], names[split:])
        path.write_text(text, encoding="utf-8")
        before = tomllib.loads(text)
        name, on = chance.choice(NAMES), chance.random() < 0.5
        changed(TomlFile(path), name, "full" if on else "off")
        fresh = path.read_text(encoding="utf-8")
        after = tomllib.loads(fresh)
        here, there = ("enabled", "disabled") if on else ("disabled", "enabled")
        for key, wanted in ((here, True), (there, False)):
            kept = [one for one in before["feature_flags"].get(key, []) if one != name]
            found = after["feature_flags"].get(key, [])
            assert [one for one in found if one != name] == kept, text
            assert found.count(name) == int(wanted), text
        for key in ("enabled", "disabled"):
            before["feature_flags"].pop(key, None)
            after["feature_flags"].pop(key, None)
        assert after == before, text
        for note in [line[line.rindex("# note") :] for line in text.splitlines() if "# note" in line]:
            assert note in fresh, text


@pytest.mark.parametrize("literal", ['"a\\u00e9\\t\\"b\\\\"', "'a\\u00e9'", '"\\U0001F600"', '""'])
def test_strings_are_read_as_python_reads_them(literal: str) -> None:
    assert string_of(literal) == tomllib.loads(f"x = {literal}")["x"]


@pytest.mark.parametrize("text", ['[feature_flags]\nenabled = ["""a"""]\n', '[feature_flags]\nenabled = ["\\q"]\n'])
def test_strings_of_other_forms_are_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        table(text, "feature_flags").arrays["enabled"].values()
