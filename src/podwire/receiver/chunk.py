"""Streams in pieces that storage takes in one insert."""

from collections.abc import AsyncIterator
from typing import TypeVar

MOST = 500

Item = TypeVar("Item")


async def chunks(items: AsyncIterator[Item], most: int = MOST) -> AsyncIterator[list[Item]]:
    """
    Lists of up to `most` items; an empty stream has none.

    A stream that breaks still gives what came before.
    """
    chunk: list[Item] = []
    try:
        async for item in items:
            chunk.append(item)
            if len(chunk) == most:
                yield chunk
                chunk = []
    except Exception:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk
