"""
Brings a store's schema up to date.

In: `schema/NNNN_*.sql`, in order.  Out: each applied once; what was applied is a table.
"""

from pathlib import Path

from podwire.storage.engine import Engine

SCHEMA = Path(__file__).parent / "schema"

APPLIED = """
CREATE TABLE IF NOT EXISTS migration (
    number UInt32, name String, applied DateTime DEFAULT now()
) ENGINE = MergeTree ORDER BY number
"""


async def migrate(engine: Engine) -> None:
    """Apply what has not been applied, the lowest number first."""
    await engine.command(APPLIED)
    applied = {row[0] for row in await engine.query("SELECT number FROM migration")}
    for path in sorted(SCHEMA.glob("*.sql")):
        number = int(path.name.split("_")[0])
        if number in applied:
            continue
        for statement in statements(path.read_text()):
            await engine.command(statement)
        await engine.insert("migration", {"number": [number], "name": [path.stem]})


def statements(text: str) -> list[str]:
    r"""
    The statements of a schema file, comments left out.

    >>> statements("-- one;\nSELECT 1;\nSELECT 2;")
    ['SELECT 1', 'SELECT 2']
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [each.strip() for each in "\n".join(lines).split(";") if each.strip()]
