"""Each combination of rule and exchange: which are picked, and why (contract 2.6)."""

import time

import pytest

from podwire.agent.sample.rule import Rules
from podwire.model.task import SamplingRule, SamplingSettings
from podwire.wire.pattern import BadPattern

SETTINGS = SamplingSettings(require_complete_request=True, require_complete_response=True)


def rule(
    regex: str | None = None,
    min_ms: int | None = None,
    *,
    when_4xx: bool = False,
    when_5xx: bool = False,
) -> SamplingRule:
    return SamplingRule(
        uri_regex=regex,
        min_duration_ms=min_ms,
        when_4xx=when_4xx,
        when_5xx=when_5xx,
        settings=SETTINGS,
    )


@pytest.mark.parametrize("when_4xx", [False, True])
@pytest.mark.parametrize("when_5xx", [False, True])
@pytest.mark.parametrize("min_ms", [None, 0, 100])
@pytest.mark.parametrize("status", [200, 399, 400, 499, 500, 599])
@pytest.mark.parametrize("duration_ms", [0, 99, 100])
def test_flags_do_not_depend_on_one_another(
    when_4xx: bool, when_5xx: bool, min_ms: int | None, status: int, duration_ms: int
) -> None:
    """5xx before 4xx before slow; no minimal duration means that nothing is too slow."""
    expected = None
    if min_ms is not None and duration_ms >= min_ms:
        expected = "slow"
    if when_4xx and status in (400, 499):
        expected = "status_4xx"
    if when_5xx and status in (500, 599):
        expected = "status_5xx"
    picked = Rules([rule(None, min_ms, when_4xx=when_4xx, when_5xx=when_5xx)]).pick(
        "/", status, duration_ms
    )

    assert expected == (picked and picked[0].value)


def test_the_last_pattern_found_in_the_path_wins() -> None:
    """And only what no pattern is found in falls under the first rule without one."""
    orders, all_of_them = rule("order", when_5xx=True), rule("", min_ms=0)
    rules = Rules([rule(when_4xx=True), orders, rule(min_ms=0)])

    assert ("status_5xx", orders) == rules.pick("/my/orders/1", 500, 0)
    assert rules.pick("/my/orders/1", 404, 9999) is None
    assert rules.pick("/cart", 200, 9999) is None
    assert ("slow", all_of_them) == Rules([orders, all_of_them]).pick("/orders", 500, 0)


def test_no_pattern_can_take_long() -> None:
    """A pattern that makes backtracking engines hang takes no time worth naming."""
    rules = Rules([rule("(a+)+$", when_5xx=True)])
    began_s = time.process_time()
    rules.pick("a" * 50_000 + "!", 500, 0)

    assert time.process_time() - began_s < 1


@pytest.mark.parametrize("regex", ["a(", "(?=x)", "[z-a]", "a{100000}"])
def test_a_pattern_that_cannot_be_used_is_refused(regex: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(BadPattern, match="is invalid at position"):
        Rules([rule(regex)])
