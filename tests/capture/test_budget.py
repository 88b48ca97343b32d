"""The size of the kernel half is a reviewed number."""

import pytest
from bench.budget import sizes, stated


@pytest.mark.root
def test_no_program_is_larger_than_its_budget() -> None:
    """Each program has a row, and keeps within it."""
    now, budget = sizes(), stated()

    assert budget.keys() == now.keys()
    assert {} == {name: count for name, count in now.items() if count > budget[name]}
