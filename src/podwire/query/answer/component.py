"""
Names of components: what a span or an edge is made of, as clients show it.

In: a number of the wire.  Out: its name; `Unknown` for 0 and for what nobody has listed.
"""

from collections.abc import Mapping
from pathlib import Path

LISTED = Path(__file__).parent / "components.tsv"


def _names() -> Mapping[int, str]:
    pairs = (line.split("\t") for line in LISTED.read_text().splitlines())
    return {int(number): name for number, name in pairs}


NAMES = _names()


def component_name(number: int) -> str:
    """
    The name of a component id.

    >>> component_name(49), component_name(5005), component_name(-1)
    ('http', 'GoHttpClient', 'Unknown')
    """
    return NAMES.get(number, "Unknown")
