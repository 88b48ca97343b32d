"""
The only code that knows ClickHouse: schema, writing, reading.

In: partials, relations, processes, tasks.  Out: merged minutes, for `query`.
"""

from clickhouse_connect.driver.exceptions import ClickHouseError as Failed

from podwire.storage.engine import Unavailable
from podwire.storage.store import Store

__all__ = ["Failed", "Store", "Unavailable"]
