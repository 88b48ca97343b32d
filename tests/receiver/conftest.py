"""A served backend for each test."""

from collections.abc import AsyncIterator

import pytest

from receiver.serving import Backend, serving


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """Without a token."""
    async with serving() as served:
        yield served
