"""
Brings a store's schema up to date, and back.

In: `schema/NNNN_*.sql`, in order.  Out: each applied once; what was applied is a table. What
stands in a file behind the line `-- back` undoes what stands before it.
"""

from pathlib import Path

from podwire.storage.engine import Engine

SCHEMA = Path(__file__).parent / "schema"

APPLIED = """
CREATE TABLE IF NOT EXISTS migration (
    number UInt32, name String, applied DateTime DEFAULT now()
) ENGINE = MergeTree ORDER BY number
"""


BACK = "-- back"


async def migrate(engine: Engine) -> None:
    """Apply what has not been applied, the lowest number first."""
    await engine.command(APPLIED)
    applied = await _applied(engine)
    for number, path in _files():
        if number in applied:
            continue
        for statement in statements(path.read_text().partition(BACK)[0]):
            await engine.command(statement)
        await engine.insert("migration", {"number": [number], "name": [path.stem]})


async def revert(engine: Engine, until: int) -> None:
    """Undo what was applied after number `until`, the highest number first; its data is gone."""
    applied = await _applied(engine)
    for number, path in reversed(_files()):
        if number <= until or number not in applied:
            continue
        for statement in statements(path.read_text().partition(BACK)[2]):
            await engine.command(statement)
        gone = f"DELETE FROM migration WHERE number = {number:d}"  # noqa: S608 - a file's number
        await engine.command(gone)


def _files() -> list[tuple[int, Path]]:
    return [(int(path.name.split("_")[0]), path) for path in sorted(SCHEMA.glob("*.sql"))]


async def _applied(engine: Engine) -> set[int]:
    return {row[0] for row in await engine.query("SELECT number FROM migration")}


def statements(text: str) -> list[str]:
    r"""
    The statements of a schema file, comments left out.

    >>> statements("-- one;\nSELECT 1;\nSELECT 2;")
    ['SELECT 1', 'SELECT 2']
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [each.strip() for each in "\n".join(lines).split(";") if each.strip()]
