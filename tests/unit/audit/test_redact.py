# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret gets as far as the hash, however deep, in whatever form, and under whatever name."""

from __future__ import annotations

import base64
import functools
import json
import random
import re
import string
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit.redact import Redactor
from ansible_collections.slipway.release.plugins.module_utils._common.address import HIDDEN
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

KEY = b"k" * 32
ALPHABET = string.ascii_letters + string.digits + "+/ \"'\\\n%&=äß€😀@:"


def test_paths_reach_into_lists_and_mappings() -> None:
    event = {"details": {"cards": [{"number": "4111"}, {"number": "4222", "name": "Ada"}], "deep": {"er": {"pin": 77}}}}
    found = Redactor(mask=["details.cards.*.number", "**.pin"]).redacted(event)
    assert found["details"] == {
        "cards": [{"number": HIDDEN}, {"number": HIDDEN, "name": "Ada"}],
        "deep": {"er": {"pin": HIDDEN}},
    }


def test_an_hmac_recognises_equal_values_and_needs_its_key() -> None:
    rules = Redactor(hashed=["initiator.user"], key=KEY)
    one, again = (rules.redacted({"initiator": {"user": "ada"}})["initiator"]["user"] for _round in range(2))
    assert one == again
    assert one.startswith("hmac-sha256:") and len(one) == 12 + 64
    other = Redactor(hashed=["initiator.user"], key=b"o" * 32)
    assert other.redacted({"initiator": {"user": "ada"}})["initiator"]["user"] != one


@pytest.mark.parametrize("key", [b"", b"short"])
def test_an_hmac_without_a_proper_key_is_refused(key: bytes) -> None:
    with pytest.raises(InputError, match="key"):
        Redactor(hashed=["initiator.user"], key=key)


def test_what_cannot_be_walked_through_or_marked_is_refused() -> None:
    nested: dict[str, Any] = functools.reduce(lambda below, _level: {"d": below}, range(3000), {"d": 1})
    with pytest.raises(InputError, match="nested too deeply"):
        Redactor().redacted(nested)
    with pytest.raises(InputError, match="float"):
        Redactor(hashed=["a"], key=KEY).redacted({"a": 0.5})


@pytest.mark.parametrize("pattern", ["(", "x*"])
def test_a_pattern_that_cannot_be_followed_is_refused(pattern: str) -> None:
    with pytest.raises(InputError):
        Redactor(patterns=[pattern])


def test_a_pattern_is_masked_in_any_text() -> None:
    found = Redactor(patterns=[r"\b\d{3}-\d{2}-\d{4}\b"]).redacted({"a": ["ssn 078-05-1120."], "078-05-1120": 1})
    assert found == {"a": [f"ssn {HIDDEN}."], HIDDEN: 1}


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "API-Key",
        "apiKey",
        "Authorization",
        "client.secret",
        "token",
        "secret_key",
        "clientSecret",
        "dbPassword",
        "accessToken",
        "pwd",
        "signing_key",
    ],
)
def test_what_is_named_as_a_secret_is_masked(name: str) -> None:
    assert Redactor().redacted({"details": {name: "hunter2"}}) == {"details": {name: HIDDEN}}
    assert Redactor().redacted({"details": {name: ["hunter2"]}}) == {"details": {name: HIDDEN}}
    assert Redactor().redacted({"details": {name: 12345678}}) == {"details": {name: HIDDEN}}


def test_the_fencing_token_stays() -> None:
    assert Redactor().redacted({"token": 12}) == {"token": 12}


@pytest.mark.parametrize("password", ["hunter2", "p@ssw0rd", "pa/ss"])
def test_the_password_of_a_url_is_masked(password: str) -> None:
    found = Redactor().redacted({"target": f"postgresql://ada:{password}@db1/shop"})
    assert found == {"target": f"postgresql://{HIDDEN}@db1/shop"}


def test_a_number_that_is_a_secret_is_masked_and_short_ones_only_alone() -> None:
    found = Redactor(values=["4711", "7"]).redacted({"a": 4711, "b": "7", "c": "17", "d": 7})
    assert found == {"a": HIDDEN, "b": HIDDEN, "c": "17", "d": HIDDEN}


def test_keys_that_become_equal_do_not_swallow_each_other() -> None:
    found = Redactor(values=["first-hidden", "second-hidden"]).redacted({"first-hidden": 1, "second-hidden": 2})
    assert sorted(found.values()) == [1, 2]


def forms(secret: str) -> list[str]:
    """As others may have written it."""
    raw = secret.encode()
    encoded = [base64.b64encode(before + raw + b"tail").decode() for before in (b"", b"u", b"us", b"usr:")]
    return [
        secret,
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        json.dumps({"nested": json.dumps(secret)}),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        raw.hex(),
        json.dumps(secret).replace("/", "\\/"),
        re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        *encoded,
        *(text.replace("+", "-").replace("/", "_") for text in encoded),
    ]


def traces(secret: str) -> list[str]:
    """What would give it away: itself, and the part of each form that is its own."""
    raw = secret.encode()
    inner = [base64.b64encode(b"\0" * offset + raw).decode()[4 if offset else 0 :] for offset in range(3)]
    return [
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        quote(secret, safe=""),
        re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        raw.hex(),
        *(text.rstrip("=")[:-2] for text in inner),
    ]


def hidden_somewhere(made: random.Random, secret: str, depth: int) -> Any:
    """A structure with the secret in it."""
    kind = made.randrange(4) if depth else 0
    text = f"before {made.choice(forms(secret))} after"
    if kind == 0:
        return text
    below = hidden_somewhere(made, secret, depth - 1)
    if kind == 1:
        return [1, below, None]
    if kind == 2:
        return {"name": below, "other": True}
    return {text: below}


def test_secrets_that_overlap_leave_nothing() -> None:
    rules = Redactor(values=["abcdef-1", "def-1xyz", "yz-2"])
    assert rules.redacted({"a": "<abcdef-1xyz-2> def-1xyz yz-2."}) == {"a": f"<{HIDDEN}> {HIDDEN} {HIDDEN}."}


@pytest.mark.parametrize("card", [9_999_999_999_999_999, 4111.5])
def test_what_cannot_be_marked_is_not_told(card: float) -> None:
    with pytest.raises(InputError) as caught:
        Redactor(hashed=["card"], key=KEY).redacted({"card": card})
    assert str(card) not in caught.value.message()


@pytest.mark.parametrize("rounds", [300, pytest.param(20_000, marks=pytest.mark.exhaustive)])
def test_no_form_of_a_secret_is_left(rounds: int) -> None:
    made = random.Random(8)
    for _round in range(rounds):
        secret = "".join(made.choice(ALPHABET) for _place in range(made.randrange(8, 24)))
        event = {"details": hidden_somewhere(made, secret, 4)}
        left = json.dumps(Redactor(values=[secret]).redacted(event), ensure_ascii=False)
        assert HIDDEN in left
        for trace in traces(secret):
            assert trace not in left, (secret, event)


def scattered(made: random.Random, secrets: dict[str, str], depth: int) -> dict[str, Any]:
    """Fields below each other, where each secret stands as its rule says, and plain ones beside them."""
    texts = [f"a {secrets['value']}b", [secrets["other"], {"x": f"[{secrets['pattern']}]"}], "plain-text", 1235, None]
    found: dict[str, Any] = {f"field{number}": made.choice(texts) for number in range(made.randrange(4))}
    found |= {"card": made.choice([secrets["mask"], [secrets["mask"]], {"number": secrets["mask"]}])}
    found |= {"user": made.choice([secrets["hash"], [1, secrets["hash"]]])}
    found |= {made.choice(["db_password", "apiKey", "AUTHORIZATION"]): secrets["name"], "plain": "plain-text"}
    found |= {f"k {secrets['value']}": {"url": f"https://ada:{secrets['name']}@db1/"}}
    if depth:
        found[f"below{made.randrange(9)}"] = made.choice([scattered(made, secrets, depth - 1), []])
        found["list"] = [scattered(made, secrets, depth - 1) for _item in range(made.randrange(2))]
    return found


@pytest.mark.parametrize("rounds", [200, pytest.param(20_000, marks=pytest.mark.exhaustive)])
def test_no_rule_is_passed_by_and_what_no_rule_names_stays(rounds: int) -> None:
    made = random.Random(9)
    letters = string.ascii_letters + string.digits
    for _round in range(rounds):
        kinds = ("mask", "hash", "name", "value", "other", "pattern")
        secrets = {kind: kind.upper() + "".join(made.choices(letters, k=12)) for kind in kinds}
        secrets["other"] = secrets["value"][-6:] + secrets["other"]
        rules = Redactor(
            ["**.card"], ["**.user"], [r"PATTERN\w+"], [secrets["value"], secrets["other"]], made.randbytes(32)
        )
        event = {"target": f"{secrets['value']}{secrets['other'][6:]}", "details": scattered(made, secrets, 3)}
        found = rules.redacted(event)
        left = json.dumps(found)
        for secret in secrets.values():
            for trace in (*traces(secret), secret[-7:]):
                assert trace not in left, (secret, event)
        assert found["target"] == HIDDEN and found["details"]["plain"] == "plain-text"
        assert found["details"]["user"].startswith("hmac-sha256:")
        assert rules.redacted(event) == found
        told = " ".join(sorted(rules.hidden))
        assert all(secrets[kind] in told for kind in ("mask", "hash", "name"))
