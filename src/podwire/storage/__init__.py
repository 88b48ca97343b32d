"""
The only code that knows ClickHouse: schema, writing, reading.

In: partials, relations, processes, tasks.  Out: merged minutes, for `query`.
"""
