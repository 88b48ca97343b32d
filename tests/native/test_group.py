"""The compiled loops and their slower forms give the same; the truth is a dictionary in Python."""

import hatch_build
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podwire.native.group import add_up, add_up_slowly, group, group_by_sorting
from podwire.native.library import library_or_none

longs = st.integers(-(2**63), 2**63 - 1)
keys = st.lists(st.integers(-3, 3) | longs, max_size=200)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    hatch_build.build_native()
    library_or_none.cache_clear()
    assert library_or_none()


@pytest.mark.parametrize("form", [group, group_by_sorting])
@given(keys)
def test_groups_are_numbered_as_they_come(form: object, found: list[int]) -> None:
    """Equal keys have one number, the first key is 0, and each group knows its first key."""
    assert callable(form)
    place, first = form(np.array(found, np.int64))
    numbers: dict[int, int] = {}
    expected = [numbers.setdefault(key, len(numbers)) for key in found]

    assert expected == place.tolist()
    assert list(numbers) == [found[at] for at in first.tolist()]


@pytest.mark.parametrize("form", [add_up, add_up_slowly])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-9, 9) | longs), max_size=50))
def test_sums_stay_where_64_bits_end(form: object, found: list[tuple[int, int]]) -> None:
    """Nothing wraps: a sum that would leave 64 bits is the last number on that side."""
    assert callable(form)
    place = np.array([each[0] for each in found], np.int64)
    values = np.array([each[1] for each in found], np.int64)
    expected = [0, 0, 0]
    for at, value in found:
        expected[at] = max(-(2**63), min(2**63 - 1, expected[at] + value))

    assert expected == form(place, values, 3).tolist()
