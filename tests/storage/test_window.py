"""
Pieces of minutes merge to the same whatever their order and grouping.

The truth is `model.metric.merged` over values, and integers of any size in Python.
"""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import reduce

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from podwire.model.metric import MERGES, Function, Merge, Partial, Side, merged
from podwire.storage import Store
from podwire.storage.window import KEY_BITS, KEY_MASK, Taken, Window

MINUTE_S = int(time.time()) // 60 * 60 - 600

numbers = st.integers(-(2**40), 2**40)
tables = st.dictionaries(st.sampled_from(["{code=200}", "{code=404}"]), numbers, min_size=1)


@st.composite
def partials(draw: st.DrawFn) -> Partial:
    """A piece of one of few metrics and entities, as its function has it."""
    function = draw(st.sampled_from(list(Function)))
    merge = MERGES[function]
    labelled = function.value.endswith(("Labeled", "Histogram", "Percentile"))
    table = draw(tables) if labelled else {}
    is_average = function.value.startswith("avg")
    return Partial(
        f"metric_{function}",
        draw(st.sampled_from(["a", "b"])),
        draw(st.sampled_from(list(Side))),
        MINUTE_S,
        total=0 if labelled else draw(numbers),
        count=draw(st.integers(0, 9)) if is_average and not labelled else 0,
        table=table,
        counts={key: draw(st.integers(0, 9)) for key in table} if is_average else {},
        merge=merge,
        time_ms=draw(st.integers(1, 3)) if merge is Merge.LATEST else 0,
    )


Key = tuple[str, str, Side]


def expected(pieces: Iterable[Partial]) -> dict[Key, Partial]:
    """Everything of a key merged one by one."""
    groups: dict[Key, list[Partial]] = {}
    for each in pieces:
        groups.setdefault((each.metric, each.entity, each.side), []).append(each)
    return {key: reduce(merged, group) for key, group in groups.items()}


def found(taken: Taken) -> dict[Key, Partial]:
    """The rows of a window as values."""
    values = {(each.metric, each.entity, each.side): each for each in taken.latest.values()}
    for stem, rows in taken.parts.items():
        places = taken.places[stem.places]
        counts = [0] * len(rows.rows) if rows.counts is None else rows.counts.tolist()
        for row, total, count in zip(rows.rows.tolist(), rows.totals.tolist(), counts, strict=True):
            entity, side = places.entities[row >> KEY_BITS]
            key = places.keys[row & KEY_MASK]
            one = Partial(
                stem.metric, entity, side, stem.minute_s,
                total=0 if stem.is_table else total,
                count=0 if stem.is_table else count,
                table={key: total} if stem.is_table else {},
                counts={key: count} if stem.is_table and "avg" in stem.metric else {},
                merge=stem.merge,
            )  # fmt: skip
            known = values.get((stem.metric, entity, side))
            values[stem.metric, entity, side] = merged(known, one) if known else one
    return values


@given(st.lists(partials(), max_size=12), st.data())
def test_order_and_grouping_do_not_matter(pieces: list[Partial], data: st.DataObject) -> None:
    """One window or several put together, in any order: what comes out is what was put in."""
    shuffled = data.draw(st.permutations(pieces))
    cut = data.draw(st.integers(0, len(pieces)))
    one, other = Window(), Window()
    one.add_partials(shuffled[:cut])
    for each in shuffled[cut:]:
        other.add_partials([each])
    one.put_back(other.merged())

    assert expected(pieces) == found(one.merged())
    one.take()
    assert 0 == len(one)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("chdb://memory")
    yield opened
    await opened.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_every_function_merges_in_the_store_as_in_memory(store: Store) -> None:
    """Flushed apart or together, the engine's rows come to what merging values says."""
    pieces: Sequence[Partial] = [
        Partial("most", "x", Side.NONE, MINUTE_S, 3, merge=Merge.MAX),
        Partial("most", "x", Side.NONE, MINUTE_S, -9, merge=Merge.MAX),
        Partial("least", "x", Side.NONE, MINUTE_S, 4, table={}, merge=Merge.MIN),
        Partial("least", "x", Side.NONE, MINUTE_S, 7, merge=Merge.MIN),
        Partial("rows", "x", Side.NONE, MINUTE_S, table={"{a=1}": 2, "{a=2}": 9}, merge=Merge.MIN),
        Partial("rows", "x", Side.NONE, MINUTE_S, table={"{a=1}": 1}, merge=Merge.MIN),
        Partial("mean", "x", Side.NONE, MINUTE_S, table={"1": 2}, counts={"1": 1}),
        Partial("mean", "x", Side.NONE, MINUTE_S, table={"1": 5, "2": 0}, counts={"1": 1, "2": 1}),
        Partial("last", "x", Side.NONE, MINUTE_S, 9, merge=Merge.LATEST, time_ms=1),
        Partial("last", "x", Side.NONE, MINUTE_S, 2, merge=Merge.LATEST, time_ms=3),
        Partial("last", "x", Side.NONE, MINUTE_S, 5, merge=Merge.LATEST, time_ms=2),
        Partial(
            "lasts", "x", Side.NONE, MINUTE_S, table={"{a=2}": 1}, merge=Merge.LATEST, time_ms=2
        ),
        Partial(
            "lasts", "x", Side.NONE, MINUTE_S, table={"{a=1}": 5}, merge=Merge.LATEST, time_ms=1
        ),
    ]
    for each in pieces:
        await store.add([each], [])
        await store.flush()
    names = [each.metric for each in pieces]
    points = await store.points("x", names, MINUTE_S, MINUTE_S)

    whole = {key[0]: each for key, each in expected(pieces).items()}
    assert {
        name: (each.total, each.count, dict(each.table), dict(each.counts))
        for name, each in whole.items()
    } == {
        name: (point.total, point.count, dict(point.table), dict(point.counts))
        for name, (point,) in points.items()
    }
