"""A few seconds of broken calls and random questions; `conformance.fuzz` runs for longer."""

import random

from conformance.fuzz import Outcome, fuzz, mutated, reshaped
from conformance.message import message
from conformance.target import Target

SECONDS = 5.0


def test_nothing_broken_is_the_backends_own_fault(target: Target) -> None:
    """Each call and question ends with a status of its protocol; the next one is answered."""
    outcome: Outcome = fuzz(target, SECONDS)

    assert {} == outcome.findings
    assert min(outcome.executions.values()) > 10
    assert target.ask("{ version }")


def test_the_fuzzer_does_break_messages() -> None:
    """Most of what it makes is different; some can still be read to the end, some cannot."""
    dice = random.Random(1)
    whole = message((1, message((1, "web"), (2, 7))), (2, "agent"))

    made = {change(whole, dice) for change in (mutated, reshaped) for _ in range(200)}
    assert len(made) > 200
