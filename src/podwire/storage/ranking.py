"""
Who has the most or the least of a metric, ranked where the numbers are.

In: a metric, buckets of time, how many.  Out: ids with the average of their buckets. Each bucket is
merged from its minutes, and where both sides of an edge counted, the server's number is taken.
"""

from collections.abc import Sequence
from itertools import pairwise

from podwire.model.metric import MERGES, Function, Metric
from podwire.storage.engine import Engine
from podwire.storage.rows import TABLES

VALUES = {
    Function.AVG: "if(sum(count) = 0, NULL, greatest(intDiv(sum(total), sum(count)), "
    "toInt64(sum(total) > 0)))",
    Function.SUM: "sum(total)",
    Function.SUM_PER_MIN: "intDiv(sum(total), any(minutes))",
    Function.LATEST: "max(latest).2",
    Function.MAX: "max(total)",
    Function.MIN: "min(total)",
}
"""What one side's minutes of a bucket come to."""

TOP = """
SELECT entity, toInt64(avg(value)) AS average
FROM (
    SELECT entity, bucket, argMax(value, side) AS value
    FROM (
        SELECT entity, side, {value} AS value,
               roundDown(toUnixTimestamp(minute), {{starts:Array(Int64)}}) AS bucket,
               transform(bucket, {{starts:Array(Int64)}}, {{minutes:Array(Int64)}}, 1) AS minutes
        FROM {table}
        WHERE metric = {{metric:String}}
          AND minute >= toDateTime({{since:Int64}}) AND minute < toDateTime({{end:Int64}})
          AND ({{all:UInt8}} OR arrayExists(id -> startsWith(entity, id), {{within:Array(String)}}))
        GROUP BY entity, bucket, side
    )
    GROUP BY entity, bucket
)
WHERE isNotNull(value)
GROUP BY entity
ORDER BY avg(value) * {{sign:Int8}}, entity
LIMIT {{limit:UInt32}}
"""


async def top(
    engine: Engine,
    metric: Metric,
    starts_s: Sequence[int],
    end_s: int,
    *,
    limit: int,
    ascending: bool,
    within: Sequence[str] | None = None,
) -> list[tuple[str, int]]:
    """
    The entities with the least or the most, each with the average of its buckets, cut.

    `within` are ids that an entity's id must begin with; None: no matter. A metric with labels has
    no one value, and no ranking.
    """
    if metric.function not in VALUES:
        return []
    edges = [*starts_s, end_s]
    minutes = [max(1, (after - before) // 60) for before, after in pairwise(edges)]
    parameters = {
        "metric": metric.name,
        "starts": list(starts_s),
        "minutes": minutes,
        "since": starts_s[0] // 60 * 60,
        "end": end_s,
        "all": int(within is None),
        "within": list(within or ()),
        "sign": 1 if ascending else -1,
        "limit": limit,
    }
    table = TABLES[MERGES[metric.function]]
    sql = TOP.format(value=VALUES[metric.function], table=table)
    return [(row[0], row[1]) for row in await engine.query(sql, parameters)]
