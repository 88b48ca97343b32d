"""The schema goes forward and back; the engine is the real one, in memory."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from podwire.storage.engine import Engine
from podwire.storage.migrate import BACK, SCHEMA, migrate, revert

pytestmark = pytest.mark.asyncio(loop_scope="module")
COLUMNS = """
SELECT table, name, type FROM system.columns
WHERE database = currentDatabase() AND table != 'migration' ORDER BY table, position
"""
OWN_TABLES = "SELECT count() FROM system.tables WHERE database = currentDatabase()"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    opened = await Engine.open("chdb://memory")
    yield opened
    await opened.close()


async def test_every_step_can_be_taken_back_and_again(engine: Engine) -> None:
    """After the way back nothing is left, and a second way forward ends where the first did."""
    await migrate(engine)
    first = await engine.query(COLUMNS)
    await revert(engine, 4)
    await migrate(engine)
    assert first == await engine.query(COLUMNS)
    await revert(engine, 0)
    assert [(1,)] == [*await engine.query(OWN_TABLES)]

    await migrate(engine)
    assert first == await engine.query(COLUMNS)
    assert first


async def test_every_file_says_how_to_go_back() -> None:
    """A schema change without a way back does not land."""
    assert [] == [path.name for path in SCHEMA.glob("*.sql") if BACK not in path.read_text()]
