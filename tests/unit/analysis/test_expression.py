# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The language of conditions: what it knows, what it refuses, and what it does when data is missing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.expression import (
    Condition,
    NoData,
    NotApplicable,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError


def holds(text: str, **values: Any) -> bool:
    return Condition(text, tuple(values) or ("result",), "metrics[0].success_condition").holds(values)[0]


@pytest.mark.parametrize(
    ("text", "result", "expected"),
    [
        ("result < 5", 4, True),
        ("result < 5", 5, False),
        ("result <= 5", 5, True),
        ("result >= 5", 5, True),
        ("result > 5", 5, False),
        ("result == 5", 5.0, True),
        ("result != 5", 5, False),
        ("0 < result <= 5", 5, True),
        ("0 < result <= 5", 0, False),
        ("0 < result <= 5", 6, False),
        ("result > 1 and result < 3", 2, True),
        ("result > 1 and result < 3", 3, False),
        ("result < 1 or result > 3", 4, True),
        ("result < 1 or result > 3", 2, False),
        ("not result > 3", 2, True),
        ("not (result > 3)", 4, False),
        ("result * 2 + 1 - 3 == 8 // 2", 3, True),
        ("result % 3 == 1", 7, True),
        ("result / 4 == 1.75", 7, True),
        ("-result < -6", 7, True),
        ("abs(result) == 7", -7, True),
        ("result == 'ok'", "ok", True),
        ("result == true", True, True),
        ("result != false", False, False),
        ("result[0] >= 0.95", [0.96], True),
        ("result >= 0.95", [0.96], True),
        ("result[-1] == 2", [1, 2], True),
        ("max(result) < 3 and min(result) == 1", [1, 2], True),
        ("max(result[0], 5, result[1]) == 5", [1, 2], True),
        ("len(result) == 2", [1, 2], True),
        ("len(result) == 0", [], True),
        ("result['errors'] / result['requests'] < 0.1", {"errors": 1, "requests": 20}, True),
        ("result.latency_ms.p99 < 300", {"latency_ms": {"p99": 299.5}}, True),
        ("default(result.missing, 0) == 0", {}, True),
        ("default(result, 7) == 7", None, True),
        ("default(result, 7) == 7", [], True),
        ("default(result, 7) == 7", math.nan, True),
        ("default(result, 7) == 1", 1, True),
        ("  result\n  < 5", 4, True),
    ],
)
def test_what_it_knows(text: str, result: Any, expected: bool) -> None:
    assert holds(text, result=result) is expected


def test_both_sides() -> None:
    text = "canary.error_rate > stable.error_rate + 5"
    assert holds(text, stable={"error_rate": 1.0}, canary={"error_rate": 6.5})
    assert not holds(text, stable={"error_rate": 1.0}, canary={"error_rate": 6.0})


def test_what_decided_is_told() -> None:
    condition = Condition("canary.p99 > 2 * stable.p99", ("stable", "canary"), "here")
    assert condition.holds({"stable": {"p99": 10}, "canary": {"p99": 21}}) == (
        True,
        {"canary.p99": 21, "stable.p99": 10},
    )


@pytest.mark.parametrize(
    "result", [None, [], math.nan, math.inf, -math.inf, [math.nan], [None], {}, {"value": None}, {"value": math.nan}]
)
def test_what_is_missing_is_no_data(result: Any) -> None:
    text = "result.value < 5" if isinstance(result, dict) else "result < 5"
    with pytest.raises(NoData):
        holds(text, result=result)


@pytest.mark.parametrize(
    "text", ["1 / result > 5", "1 // result > 5", "1 % result > 5", "max(result - 0, 1 / result) > 5"]
)
def test_a_division_by_zero_is_no_data(text: str) -> None:
    with pytest.raises(NoData):
        holds(text, result=0)


@pytest.mark.parametrize("text", ["max(result) < 5", "result[0] < 5", "result[7] < 5", "min(result) < 5"])
def test_nothing_in_a_list_is_no_data(text: str) -> None:
    with pytest.raises(NoData):
        holds(text, result=[])


def test_one_missing_value_in_a_list_is_no_data() -> None:
    with pytest.raises(NoData):
        holds("max(result) < 5", result=[1, math.nan, 2])


def test_what_is_not_needed_may_be_missing() -> None:
    assert holds("result.a > 1 or result.b > 1", result={"a": 2, "b": None})


@pytest.mark.parametrize(
    ("text", "result", "told"),
    [
        ("result < 5", "text", "compares a text with a number"),
        ("result < 5", True, "compares true or false with a number"),
        ("result < 5", [1, 2], "has 2 values; write result[0], min(result) or max(result)"),
        ("result < 5", {"a": 1}, "compares a dictionary with a number"),
        ("result == true", 1, "compares a number with true or false"),
        ("result.a < 5", 3, "looks into a number"),
        ("result['a'] < 5", [3], "looks into a list"),
        ("result[0] < 5", {"a": 1}, "looks into a dictionary"),
        ("result + 1 < 5", "a", "is a text, not a number"),
        ("abs(result) < 5", True, "is true or false, not a number"),
        ("len(result) < 5", 5, "has no length"),
        ("result * 10.5 > 1", 10**400, "too large"),
    ],
)
def test_what_does_not_fit_says_so(text: str, result: Any, told: str) -> None:
    with pytest.raises(NotApplicable, match=told.replace("(", r"\(").replace(")", r"\)").replace("[", r"\[")):
        holds(text, result=result)


@pytest.mark.parametrize(
    ("text", "position", "remedy"),
    [
        ("result > 5 && result < 9", 13, "write 'and' in place of '&&'"),
        ("result > 5 || result < 9", 13, "write 'or' in place of '||'"),
        ("!result", 1, "write 'not' in place of '!'"),
        ("result = 5", 8, "compare with '=='"),
        ("result >", 9, "write it like result > 5"),
        ("", 1, "write it like result > 5"),
        ("result", 1, "compare it, such as result > 5"),
        ("result > 5 and result", 16, "compare it, such as result > 5"),
        ("result > 5 and not result", 20, "compare it"),
        ("result + 1", 1, "compare it"),
        ("error_rate > 5", 1, "this metric measures result"),
        ("canary > stable", 1, "set slots to measure stable and canary"),
        ("1 < 2", 1, "use result"),
        ("result ** 9 > 1", 1, "use one of + - * / // %"),
        ("result << 9 > 1", 1, "use one of + - * / // %"),
        ("result in (1, 2)", 1, "use one of < <= > >= == !="),
        ("result is 5", 1, "use one of < <= > >= == !="),
        ("sum(result) > 5", 1, "use one of len, min, max, abs, default"),
        ("result.pop() > 5", 1, "use one of len, min, max, abs, default"),
        ("len(result, 2) > 5", 1, "give it 1"),
        ("default(result) > 5", 1, "give it 2"),
        ("max() > result", 1, "give it 1"),
        ("max(*result) > 5", 5, "see the option's description"),
        ("max(result, key=5) > 5", 1, "use one of len, min, max, abs, default"),
        ("result[0:2] > 5", 1, "use a position, or a name in quotes"),
        ("result[result] > 5", 1, "use a position, or a name in quotes"),
        ("result[True] > 5", 1, "use a position, or a name in quotes"),
        ("[1, 2] > result", 1, "see the option's description"),
        ("(lambda: 5)() > result", 1, "use one of"),
        ("result > (1 if result > 2 else 3)", 11, "see the option's description"),
        ("result > [x for x in result]", 10, "see the option's description"),
        ("result > f'{result}'", 10, "see the option's description"),
        ("(result := 5) > 2", 2, "see the option's description"),
        ("result > (result > 5)", 11, "join conditions by and, or, not"),
        ("result > None", 10, "use a number or a text in quotes"),
        ("result > 1j", 10, "use a number or a text in quotes"),
        ("result > b'x'", 10, "use a number or a text in quotes"),
        ("result > 1e999", 10, "use a number or a text in quotes"),
        ("result > ...", 10, "use a number or a text in quotes"),
    ],
)
def test_what_it_refuses_names_the_position_and_the_remedy(text: str, position: int, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        Condition(text, ("result",), "metrics[3].success_condition")
    assert caught.value.where == "metrics[3].success_condition"
    assert f"at position {position}:" in caught.value.what
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') > 0",
        "result.__class__.__mro__[1].__subclasses__() > 0",
        "().__class__ > result",
        "open('/etc/passwd') > result",
        "eval('1') > result",
        "result > 5; import os",
        "result > 5 #" + "x" * 1000,
        "result > " + "(" * 90 + "1" + ")" * 90 + "+1" * 90,
        "result > " + "-" * 500 + "1",
        "not " * 200 + "result > 5",
        "result" + "[0]" * 200 + " > 5",
        "result > 5\x00",
        "result > " + "9" * 999,
    ],
)
def test_nothing_leaves_the_language(text: str) -> None:
    with pytest.raises(InputError):
        Condition(text, ("result",), "here")


def test_a_name_that_python_has_is_only_a_name_of_the_data() -> None:
    with pytest.raises(NoData):
        holds("result.__class__ == 'dict'", result={})
