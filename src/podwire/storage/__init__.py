"""
The only code that knows ClickHouse: schema, writing, reading.

In: partials, relations, processes, tasks.  Out: merged minutes, for `query`.
"""

from podwire.storage.engine import Unavailable
from podwire.storage.store import Store

__all__ = ["Store", "Unavailable"]
