"""What the tests of queries share."""

import pytest

from .asking import Asking


@pytest.fixture
def ask() -> Asking:
    """A fresh application for each test."""
    return Asking()
