"""What is written about the code is what the code says."""

import pytest
from docs.reference import PAGES, REFERENCE


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_is_up_to_date(name: str) -> None:
    """`make docs` was run after the last change."""
    assert PAGES[name]() == (REFERENCE / name).read_text()
