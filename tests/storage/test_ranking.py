"""Who has the most, in the real embedded engine; expectations are worked out by hand."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from podwire.model.metric import MERGES, Function, Merge, Metric, Partial, Side
from podwire.storage import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUR_S = int(time.time()) // 3600 * 3600 - 7200
MINUTES = [HOUR_S, HOUR_S + 60]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[Store]:
    """A store that only this file uses; tests keep to metrics of their own."""
    opened = await Store.open("chdb://memory")
    yield opened
    await opened.close()


def partial(metric: str, entity: str, minute: int, total: int, **rest: object) -> Partial:
    """What a side counted in a minute of the hour."""
    side, count = rest.get("side", Side.CLIENT), rest.get("count", 0)
    assert isinstance(side, Side)
    assert isinstance(count, int)
    return Partial(metric, entity, side, HOUR_S + minute * 60, total, count)


async def ranking(store: Store, metric: Metric, **rest: object) -> list[tuple[str, int]]:
    """By minute, the most first."""
    wanted: dict[str, object] = {"limit": 10, "ascending": False}
    await store.flush()
    found = await store.top(metric, MINUTES, HOUR_S + 120, **(wanted | rest))  # type: ignore[arg-type]
    return list(found)


async def test_entities_are_ranked_by_the_average_of_their_minutes(store: Store) -> None:
    """A minute without a value does not count, and the average is cut."""
    metric = Metric("ranked", Function.SUM_PER_MIN)
    parts = [("a", 0, 4), ("a", 1, 7), ("b", 1, 9), ("c", 0, 1), ("c", 0, 1), ("c", 1, 2)]
    await store.add([partial("ranked", *part) for part in parts], [])

    assert [("b", 9), ("a", 5)] == await ranking(store, metric, limit=2)
    assert [("c", 2), ("a", 5), ("b", 9)] == await ranking(store, metric, ascending=True)


async def test_an_hour_is_merged_before_it_is_ranked(store: Store) -> None:
    """120 in one minute are 2 a minute of an hour."""
    metric = Metric("hours", Function.SUM_PER_MIN)
    await store.add([partial("hours", "a", 0, 120), partial("hours", "b", 0, 61)], [])
    await store.flush()

    found = await store.top(metric, [HOUR_S], HOUR_S + 3600, limit=5, ascending=False)
    assert [("a", 2), ("b", 1)] == found


async def test_an_average_weighs_its_values(store: Store) -> None:
    """(10 + 90) / (1 + 9), and never zero by cutting."""
    metric = Metric("weighs", Function.AVG)
    parts = [("a", 10, 1), ("a", 90, 9), ("b", 1, 5)]
    await store.add([partial("weighs", e, 0, total, count=n) for e, total, n in parts], [])

    assert [("a", 10), ("b", 1)] == await ranking(store, metric)


async def test_the_servers_number_is_ranked_where_both_ends_counted(store: Store) -> None:
    """Not the sum, and not the greater."""
    metric = Metric("sides", Function.SUM)
    await store.add(
        [partial("sides", "a", 0, 9), partial("sides", "a", 0, 4, side=Side.SERVER)], []
    )

    assert [("a", 4)] == await ranking(store, metric)


@pytest.mark.parametrize(
    ("function", "expected"),
    [(Function.MAX, 9), (Function.MIN, 2), (Function.LATEST, 4), (Function.SUM, 15)],
)
async def test_an_hour_of_each_function_is_ranked(
    store: Store, function: Function, expected: int
) -> None:
    """9, then 2, then 4: the greatest, the smallest, the last, and all together."""
    metric = Metric(f"each_{function}", function)
    parts = [
        Partial(
            metric.name, "a", Side.NONE, HOUR_S + minute * 60, total, merge=MERGES[function],
            time_ms=(HOUR_S + minute * 60) * 1000,
        )
        for minute, total in enumerate((9, 2, 4))
    ]  # fmt: skip
    for part in parts:
        await store.add([part], [])
        await store.flush()

    found = await store.top(metric, [HOUR_S], HOUR_S + 3600, limit=5, ascending=False)
    assert [("a", expected)] == list(found)


async def test_only_ids_that_begin_so_are_ranked(store: Store) -> None:
    """The instances of a service, and nobody when nobody is meant."""
    metric = Metric("within", Function.SUM)
    await store.add([partial("within", e, 0, 1) for e in ("YQ==.1_a", "YQ==.1_b", "Yg==.1_a")], [])

    found = await ranking(store, metric, within=["YQ==.1"])
    assert ["YQ==.1_a", "YQ==.1_b"] == [entity for entity, _ in found]
    assert [] == await ranking(store, metric, within=[])


async def test_entities_are_known_by_their_minutes(store: Store) -> None:
    """By how their ids begin and by when they were there, whichever way their metrics merge."""
    parts = [
        Partial(name, entity, Side.NONE, HOUR_S + minute * 60, 1, merge=merge)
        for name, entity, minute, merge in (
            ("sums", "s_a", 0, Merge.ADD),
            ("tops", "s_b", 5, Merge.MAX),
            ("sums", "s_b", 9, Merge.ADD),
            ("sums", "t_a", 0, Merge.ADD),
            ("others", "s_c", 0, Merge.ADD),
        )
    ]
    await store.add(parts, [])
    await store.flush()

    async def found(since_minute: int, limit: int = 9) -> list[str]:
        since_s = HOUR_S + since_minute * 60
        return list(
            await store.entities(
                ["sums", "tops"], "s_", since_s=since_s, until_s=HOUR_S + 3600, limit=limit
            )
        )

    assert (["s_a", "s_b"], ["s_a"], ["s_b"]) == (await found(0), await found(0, 1), await found(5))


async def test_patterns_are_found_in_linear_time(store: Store) -> None:
    """One that would take a backtracking engine for ever, and one that is no pattern."""
    assert ["ab"] == list(await store.matching("^a", ["ab", "ba"]))
    assert [] == list(await store.matching("(a+)+$", ["a" * 60 + "b"]))
    with pytest.raises(ValueError, match="is not a regular expression"):
        await store.matching("a(", ["a"])
