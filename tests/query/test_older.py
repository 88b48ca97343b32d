"""The questions of SkyWalking's older clients: the same numbers, whole, with a flag for none."""

import datetime
from typing import Any

import pytest

from podwire.model.metric import Side
from podwire.model.topology import Point

from .asking import DURATION, INSTANCE, SERVICE, Asking
from .test_application import ENTITY

DAY = datetime.datetime(2000, 1, 1).astimezone()
FIRST_S, SECOND_S = int(DAY.timestamp()), int((DAY + datetime.timedelta(days=1)).timestamp())
VALUES = "{ values { id value isEmptyValue } }"


@pytest.fixture
def filled(ask: Asking) -> Asking:
    """2880 requests on the first day are two a minute; codes on the second; a histogram."""
    ask.rows.found["requests"] = [Point(FIRST_S, Side.CLIENT, 2880, 0, {})]
    table = {"{code=200}": 1440, "{code=500}": 2880}
    ask.rows.found["codes"] = [Point(SECOND_S, Side.CLIENT, 0, 0, table)]
    ask.rows.found["sizes"] = [Point(FIRST_S, Side.CLIENT, 0, 0, {"100": 3, "20": 1})]
    return ask


async def result(ask: Asking, kinds: str, call: str, fields: str, **variables: object) -> Any:
    """The answer to one question over two days."""
    query = f"query ($duration: Duration!{kinds}) {{ result: {call} {fields} }}"
    return (await ask.data(query, duration=DURATION, **variables))["result"]


def condition(name: str) -> dict[str, object]:
    """A metric of the edge."""
    return {"name": name, "entity": ENTITY}


CONDITION = ", $condition: MetricsCondition!"


async def test_a_value_is_the_average_of_its_points(filled: Asking) -> None:
    """Of those that are there; without any it is 0, and said to be none."""
    call = "readMetricsValue(condition: $condition, duration: $duration)"
    nullable = "readNullableMetricsValue(condition: $condition, duration: $duration)"
    fields = "{ value isEmptyValue }"

    assert 2 == await result(filled, CONDITION, call, "", condition=condition("requests"))
    assert {"value": 2, "isEmptyValue": False} == await result(
        filled, CONDITION, nullable, fields, condition=condition("requests")
    )
    assert {"value": 0, "isEmptyValue": True} == await result(
        filled, CONDITION, nullable, fields, condition=condition("nothing")
    )


async def test_labelled_values_are_chosen_by_their_labels(filled: Asking) -> None:
    """All of them when none is named."""
    call = "readLabeledMetricsValues(condition: $condition, labels: $labels, duration: $duration)"
    kinds = CONDITION + ", $labels: [String!]!"
    fields = f"{{ label values {VALUES} }}"

    async def labels(*wanted: str) -> list[tuple[str, int]]:
        variables = {"condition": condition("codes"), "labels": wanted}
        found = await result(filled, kinds, call, fields, **variables)
        return [(each["label"], each["values"]["values"][1]["value"]) for each in found]

    assert [("200", 1), ("500", 2)] == await labels()
    assert [("500", 2)] == await labels("500")


async def test_values_by_id(filled: Asking) -> None:
    """The first protocol: ids in the place of names."""
    call = "getValues(metric: $metric, duration: $duration)"
    kinds = ", $metric: BatchMetricConditions!"
    found = await result(
        filled, kinds, call, VALUES, metric={"name": "requests", "ids": ["a", "b"]}
    )
    assert [("a", 2, False), ("b", 2, False)] == [
        (each["id"], each["value"], each["isEmptyValue"]) for each in found["values"]
    ]

    call = "getLinearIntValues(metric: $metric, duration: $duration)"
    metric = {"name": "requests", "id": "a"}
    found = await result(filled, ", $metric: MetricCondition!", call, VALUES, metric=metric)
    assert [(str(FIRST_S * 1000), 2), (str(SECOND_S * 1000), 0)] == [
        (each["id"], each["value"]) for each in found["values"]
    ]


async def test_rows_by_their_place(filled: Asking) -> None:
    """As many as are wanted or there are."""
    metric = {"name": "codes", "id": "a"}
    first = "getMultipleLinearIntValues(metric: $metric, numOfLinear: 1, duration: $duration)"
    chosen = (
        "getSubsetOfMultipleLinearIntValues(metric: $metric, linearIndex: [1, 9, -1], "
        "duration: $duration)"
    )
    kinds = ", $metric: MetricCondition!"

    assert [1] == [
        each["values"][1]["value"]
        for each in await result(filled, kinds, first, VALUES, metric=metric)
    ]
    assert [2] == [
        each["values"][1]["value"]
        for each in await result(filled, kinds, chosen, VALUES, metric=metric)
    ]


async def test_a_histogram_is_a_heat_map(filled: Asking) -> None:
    """Bounds in the order of their numbers; a bucket ends where the next begins."""
    call = "readHeatMap(condition: $condition, duration: $duration)"
    fields = "{ values { id values } buckets { min max } }"
    found = await result(filled, CONDITION, call, fields, condition=condition("sizes"))

    assert [{"min": "20", "max": "100"}, {"min": "100", "max": "infinite+"}] == found["buckets"]
    assert [[1, 3], [0, 0]] == [each["values"] for each in found["values"]]


async def test_a_ranking_has_names(filled: Asking) -> None:
    """Of the instances of a service; values are text in the one question, numbers in the other."""
    filled.rows.ranking = [(INSTANCE, 7)]
    variables = {
        "name": "load", "parentService": "shop::cart", "normal": True, "scope": "ServiceInstance",
        "topN": 5, "order": "DES",
    }  # fmt: skip
    call = "sortMetrics(condition: $condition, duration: $duration)"
    found = await result(
        filled, ", $condition: TopNCondition!", call, "{ name id value }", condition=variables
    )
    assert [{"name": "pod-0", "id": INSTANCE, "value": "7"}] == found
    assert [SERVICE] == filled.rows.asked_within

    call = 'getAllServiceInstanceTopN(name: "load", topN: 5, duration: $duration, order: ASC)'
    assert [{"name": "pod-0", "id": INSTANCE, "value": 7}] == await result(
        filled, "", call, "{ name id value }"
    )
    assert filled.rows.asked_within is None
    call = 'getServiceTopN(name: "load", topN: 5, duration: $duration, order: ASC)'
    assert [] == await result(filled, "", call, "{ id }")


async def test_metrics_are_listed_with_their_kinds(filled: Asking) -> None:
    """By a pattern; sampled requests are among them."""
    query = "query ($regex: String) { listMetrics(regex: $regex) { name type catalog } }"

    found = (await filled.data(query, regex="^(codes|load|sizes)$"))["listMetrics"]
    assert [
        ("codes", "LABELED_VALUE", "PROCESS_RELATION"),
        ("load", "REGULAR_VALUE", "SERVICE_INSTANCE"),
        ("sizes", "HEATMAP", "PROCESS_RELATION"),
    ] == [(each["name"], each["type"], each["catalog"]) for each in found]
    names = [each["name"] for each in (await filled.data(query))["listMetrics"]]
    assert {"sampled_slow_trace_record", "requests"} <= set(names)
    assert {"a": "SAMPLED_RECORD", "b": "UNKNOWN"} == await filled.data(
        '{ a: typeOfMetrics(name: "sampled_slow_trace_record") b: typeOfMetrics(name: "x") }'
    )
