"""What swctl and booster-ui ask, as they ask it (contract 6)."""

import json
import re
import time
from itertools import pairwise
from typing import Any

import pytest

from conformance.rover import Rover, single
from conformance.target import Target, wait, window
from conformance.test_meters import EXEC, WRITES, last_minute_ms, to_remote, values, written

FORMATS = {
    "SECOND": "%Y-%m-%d %H%M%S",
    "MINUTE": "%Y-%m-%d %H%M",
    "HOUR": "%Y-%m-%d %H",
    "DAY": "%Y-%m-%d",
}
SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400}


def span(step: str, points: int) -> dict[str, object]:
    """A duration of so many points that ends now."""
    now_s = time.time() // SECONDS[step] * SECONDS[step]
    start_s = now_s - (points - 1) * SECONDS[step]
    start, end = (time.strftime(FORMATS[step], time.gmtime(at)) for at in (start_s, now_s))
    return {"start": start, "end": end, "step": step, "coldStage": True}


def execute(rover: Rover, expression: str, **asked: object) -> dict[str, Any]:
    """An expression about what `web` says to an address."""
    question = {"entity": rover.relation("web", "UNKNOWN_REMOTE"), "duration": window()} | asked
    result: dict[str, Any] = rover.target.ask(EXEC, expression=expression, **question)
    return result


def wrote(rover: Rover, count: int = 2048) -> None:
    """So many writes in the minute before this one."""
    rover.meters(single(WRITES, to_remote(rover), count), timestamp_ms=last_minute_ms())
    wait("the writes", lambda: written(rover) == [str(count)])


def test_a_client_learns_the_version_and_the_time(target: Target) -> None:
    """Swctl chooses its queries by the one and its zone by the other."""
    version = target.ask("{ version }")
    info = target.ask("{ getTimeInfo { timezone currentTimestamp } }")

    assert re.fullmatch(r"(9|[1-9]\d+)\.\d+\.\d+.*-[0-9a-f]{7}", version)
    assert re.fullmatch(r"[+-]\d{4}", info["timezone"])
    assert abs(info["currentTimestamp"] - time.time() * 1000) < 60_000


def test_services_are_listed_by_layer_and_found_by_name(rover: Rover) -> None:
    """A name with a group is split at its colons; an unknown one is null."""
    rover.service = f"group::{rover.service}"
    rover.live("web")
    fields = "{ id name group shortName layers normal }"
    expected = {
        "id": rover.service_id, "name": rover.service, "group": "group",
        "shortName": rover.service.removeprefix("group::"), "layers": ["K8S_SERVICE"],
        "normal": True,
    }  # fmt: skip

    by_layer = f"query ($layer: String) {{ listServices(layer: $layer) {fields} }}"
    assert expected in rover.target.ask(by_layer, layer="K8S_SERVICE")
    assert expected not in rover.target.ask(by_layer, layer="MESH")
    find = f"query ($name: String!) {{ findService(serviceName: $name) {fields} }}"
    assert expected == rover.target.ask(find, name=rover.service)
    assert None is rover.target.ask(find, name="no-such-service")
    get = f"query ($id: String!) {{ getService(serviceId: $id) {fields} }}"
    assert expected == rover.target.ask(get, id=rover.service_id)
    assert "K8S_SERVICE" in rover.target.ask("{ listLayers }")


def test_instances_and_processes_are_got_by_id(rover: Rover) -> None:
    """An unknown id is null."""
    rover.live("web")
    instance = "query ($id: String!) { getInstance(instanceId: $id) { id name instanceUUID } }"
    process = "query ($id: ID!) { getProcess(processId: $id) { id name instanceId } }"

    found = rover.target.ask(instance, id=rover.instance_id)
    assert (rover.instance_id, rover.instance, rover.instance_id) == (
        found["id"], found["name"], found["instanceUUID"],
    )  # fmt: skip
    assert rover.instance_id == rover.target.ask(process, id=rover.process_id("web"))["instanceId"]
    assert None is rover.target.ask(instance, id="unknown")
    assert None is rover.target.ask(process, id="unknown")


def test_only_the_time_of_a_process_lists_it(rover: Rover) -> None:
    """An hour that ended before it was first seen does not."""
    rover.live("web")
    query = """query ($instance: ID!, $duration: Duration!) {
      listProcesses(instanceId: $instance, duration: $duration) { name }
    }"""
    early = time.time() - 7200
    form = FORMATS["MINUTE"]
    before = {
        "start": time.strftime(form, time.gmtime(early - 3600)),
        "end": time.strftime(form, time.gmtime(early)),
        "step": "MINUTE",
    }

    assert [] == rover.target.ask(query, instance=rover.instance_id, duration=before)
    for step in ("SECOND", "MINUTE", "HOUR", "DAY"):
        found = rover.target.ask(query, instance=rover.instance_id, duration=span(step, 60))
        assert ["web"] == [each["name"] for each in found]


@pytest.mark.parametrize("step", ["MINUTE", "HOUR", "DAY"])
def test_a_series_has_a_point_for_every_step(rover: Rover, step: str) -> None:
    """Its id is the start of the step in milliseconds."""
    result = execute(rover, "process_relation_client_write_cpm", duration=span(step, 5))

    ids = [int(each["id"]) for each in result["results"][0]["values"]]
    now_s = time.time() // SECONDS[step] * SECONDS[step]
    assert [SECONDS[step] * 1000] * 4 == [b - a for a, b in pairwise(ids)]
    assert int(now_s * 1000) - ids[-1] in (0, SECONDS[step] * 1000)


def test_more_than_five_hundred_points_are_refused(rover: Rover) -> None:
    """Five hundred are not."""
    assert 500 == len(
        execute(rover, "process_relation_client_write_cpm", duration=span("MINUTE", 500))[
            "results"
        ][0]["values"]
    )
    body = rover.target.post(
        EXEC,
        expression="process_relation_client_write_cpm",
        entity=rover.relation("a", "b"),
        duration=span("MINUTE", 502),
    ).json()
    assert body["errors"][0]["message"]


def test_the_same_numbers_come_in_every_step(rover: Rover) -> None:
    """A minute's value by minute, the mean by the minute of an hour and of a day."""
    wrote(rover, 14400)

    for step, minutes in (("MINUTE", 1), ("HOUR", 60), ("DAY", 1440)):
        result = execute(rover, "process_relation_client_write_cpm", duration=span(step, 5))
        found = [each["value"] for each in result["results"][0]["values"] if each["value"]]
        assert [str(14400 // minutes)] == found


def test_expressions_are_calculated(rover: Rover) -> None:
    """Arithmetic, aggregation, labels; values are texts."""
    wrote(rover, 2560)
    metric = "process_relation_client_write_cpm"

    assert {"": ["2.5"]} == values(rover, f"{metric}/1024", "web", "UNKNOWN_REMOTE")
    for function in ("avg", "latest", "max", "min", "sum"):
        result = execute(rover, f"{function}({metric})")
        (value,) = result["results"][0]["values"]
        assert ("SINGLE_VALUE", "2560") == (result["type"], value["value"])
    assert "1" == execute(rover, f"count({metric})")["results"][0]["values"][0]["value"]


def test_what_cannot_be_answered_is_a_result_with_an_error(rover: Rover) -> None:
    """An unknown metric by name; an entity that is half said is empty."""
    unknown = execute(rover, "no_such_metric")
    assert ("UNKNOWN", [], "Metric: [no_such_metric] does not exist.") == (
        unknown["type"], unknown["results"], unknown["error"],
    )  # fmt: skip

    half = rover.relation("web", "UNKNOWN_REMOTE") | {"destNormal": None}
    result = execute(rover, "process_relation_client_write_cpm", entity=half)
    assert ("UNKNOWN", []) == (result["type"], result["results"])


def test_a_page_asks_many_expressions_at_once(rover: Rover) -> None:
    """Under aliases, with fields under aliases of their own."""
    wrote(rover, 7)
    part = """execExpression(
      expression: "process_relation_client_write_cpm", entity: $entity, duration: $duration
    ) { type results { values { name: id value refId: traceID owner { scope serviceID } } } error }
    """
    parts = "".join(f"expression{number}0: {part}" for number in range(6))
    query = f"query ($entity: Entity!, $duration: Duration!) {{ {parts} }}"
    entity = rover.relation("web", "UNKNOWN_REMOTE")
    body = rover.target.post(query, entity=entity, duration=window()).json()

    assert 6 == len(body["data"])
    for result in body["data"].values():
        assert "7" in [each["value"] for each in result["results"][0]["values"]]


def test_old_questions_for_values_are_answered(rover: Rover) -> None:
    """`swctl metrics linear` as a Rover's own tests use it."""
    wrote(rover, 9)
    query = """query ($condition: MetricsCondition!, $duration: Duration!) {
      readMetricsValues(condition: $condition, duration: $duration) {
        label values { values { value isEmptyValue } }
      }
    }"""
    condition = {
        "name": "process_relation_client_write_cpm",
        "entity": rover.relation("web", "UNKNOWN_REMOTE"),
    }

    found = rover.target.ask(query, condition=condition, duration=window())["values"]["values"]
    assert [9] == [each["value"] for each in found if not each["isEmptyValue"]]
    assert 31 == len(found)


def test_health_has_a_score(target: Target) -> None:
    """Zero is healthy."""
    assert 0 == target.ask("{ checkHealth { score details } }")["score"]


def test_the_page_boots(target: Target) -> None:
    """What booster-ui asks before it shows anything."""
    assert target.ask("query version { version }")
    for query in (
        "{ getRecordsTTL { normal trace zipkinTrace log browserErrorLog } }",
        "{ getMetricsTTL { minute hour day } }",
    ):
        assert all(isinstance(each, int) for each in target.ask(query).values())
    assert isinstance(target.ask("{ hasQueryTracesV2Support }"), bool)


def test_the_menu_leads_to_kubernetes_services(rover: Rover) -> None:
    """Active once there is one."""
    rover.live("web")
    items = "title icon layer activate description documentLink i18nKey"
    menu = rover.target.ask(f"{{ getMenuItems {{ {items} subItems {{ {items} }} }} }}")

    (kubernetes,) = [each for each in menu if each["title"] == "Kubernetes"]
    (service,) = [each for each in kubernetes["subItems"] if each["layer"] == "K8S_SERVICE"]
    assert (True, "Service", "kubernetes_service") == (
        service["activate"], service["title"], service["i18nKey"],
    )  # fmt: skip


def dashboards(target: Target) -> dict[str, dict[str, Any]]:
    """Every template by name."""
    found = target.ask("{ getAllTemplates { id configuration } }")
    return {
        template["name"]: template for template in (json.loads(e["configuration"]) for e in found)
    }


def test_the_dashboards_lead_from_the_root_to_an_edge(target: Target) -> None:
    """Each names the next."""
    found = dashboards(target)
    path = ("K8S-Service-Root", "K8S-Service-Service", "K8S-Service-Pods")
    edge = "Kubernetes-Process-Relation-Metrics"

    assert found[path[0]]["isRoot"]
    assert "K8S_SERVICE" == found[path[0]]["layer"]
    for name, following in zip(path, (*path[1:], edge), strict=True):
        assert following in json.dumps(found[name]), name
    assert "NetworkProfiling" in json.dumps(found["K8S-Service-Pods"])
    assert "ProcessRelation" == found[edge]["entity"]


def test_every_expression_of_an_edge_is_answered(rover: Rover) -> None:
    """None of the dashboard's is an error; records are asked for with `top_n`."""
    text = json.dumps(dashboards(rover.target)["Kubernetes-Process-Relation-Metrics"])
    expressions = {
        each
        for found in re.findall(r'"expressions": (\[[^\]]*\])', text)
        for each in json.loads(found)
    }

    assert len(expressions) >= 38
    records = {each for each in expressions if "trace_record" in each}
    assert 3 == len(records)
    assert all(each.startswith("top_n(") for each in records)
    assert {None} == {execute(rover, each)["error"] for each in expressions}


def test_the_schema_can_be_asked_for(target: Target) -> None:
    """By tools that do so first."""
    found = target.ask("{ __schema { queryType { fields { name } } } }")
    names = {each["name"] for each in found["queryType"]["fields"]}

    assert names >= {"execExpression", "readRecords", "queryTrace", "getProcessTopology"}


def test_a_question_that_is_too_deep_is_refused(target: Target) -> None:
    """With a message, and quickly."""
    inside = "{ name }"
    for _ in range(60):
        inside = f"{{ ofType {inside} }}"
    begun_s = time.monotonic()
    body = target.post(f"{{ __schema {{ types {inside} }} }}").json()

    assert body["errors"][0]["message"]
    assert time.monotonic() - begun_s < 30


@pytest.mark.parametrize("start", ["{}", "[1]", "true", '"x"', "1.5", "null"])
def test_an_argument_of_another_kind_is_the_askers_mistake(target: Target, start: str) -> None:
    """Named as such: a whole number is wanted."""
    rest = 'serviceId: "a", processLabels: [], duration: 60, targetType: ON_CPU'
    request = f"{{{rest}, startTime: {start}}}"
    body = target.post(
        f"mutation {{ createEBPFProfilingFixedTimeTask(request: {request}) {{ status }} }}"
    ).json()

    (error,) = body["errors"]
    assert "failed" not in error["message"]
    assert "Long" in error["message"]
