"""A short, repeatable run of every parser's fuzzing; `make fuzz` runs longer."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.parsers import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_raises_nothing_but_what_it_promises(name: str) -> None:
    """Whatever the bytes."""

    @settings(max_examples=150, derandomize=True, deadline=None, database=None)
    @given(st.randoms(use_true_random=False))
    def read(random: Random) -> None:
        TARGETS[name](random)

    read()
