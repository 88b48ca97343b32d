"""
GraphQL as its clients speak it, over the application without a socket.

Storage is a fake at its seam, so that times and rows are the test's own.
"""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from podwire.model.identity import instance_id, process_id, relation_id
from podwire.model.metric import Side
from podwire.model.topology import Edge, Point

from .asking import DURATION, INSTANCE, NOW_MS, SERVICE, Asking


async def test_a_service_is_split_at_its_group(ask: Asking) -> None:
    """The group is what stands before the two colons."""
    query = "{ listServices { id name group shortName layers normal } listLayers }"

    found = await ask.data(query)
    assert {
        "id": SERVICE, "name": "shop::cart", "group": "shop", "shortName": "cart",
        "layers": ["GENERAL", "K8S_SERVICE"], "normal": True,
    } == found["listServices"][0]  # fmt: skip
    assert ["GENERAL", "K8S_SERVICE"] == found["listLayers"]


async def test_services_are_filtered_by_layer(ask: Asking) -> None:
    """A layer without services has none."""
    query = "query ($layer: String) { listServices(layer: $layer) { id } }"

    assert 1 == len((await ask.data(query, layer="GENERAL"))["listServices"])
    assert [] == (await ask.data(query, layer="MESH"))["listServices"]


async def test_processes_have_every_field_that_swctl_prints(ask: Asking) -> None:
    """The detect type is its name, virtual processes are listed too."""
    query = """query ($duration: Duration!, $id: ID!) {
      listProcesses(duration: $duration, instanceId: $id) {
        id name serviceId serviceName instanceId instanceName agentId detectType labels
        attributes { name value }
      }
    }"""
    duration = DURATION | {"end": "2100-01-01", "step": "MONTH", "start": "2000-01"}
    duration |= {"start": "2026-01", "end": "2060-01"}

    web, virtual = (await ask.data(query, duration=duration, id=INSTANCE))["listProcesses"]
    assert {
        "id": process_id(INSTANCE, "web"), "name": "web", "serviceId": SERVICE,
        "serviceName": "shop::cart", "instanceId": INSTANCE, "instanceName": "pod-0",
        "agentId": "agent", "detectType": "KUBERNETES", "labels": ["l"],
        "attributes": [{"name": "pid", "value": "7"}],
    } == web  # fmt: skip
    assert "VIRTUAL" == virtual["detectType"]


async def test_a_call_keeps_every_component_of_each_side(ask: Asking) -> None:
    """SkyWalking keeps only the first of a client's; here none is lost and none is doubled."""
    web, remote = process_id(INSTANCE, "web"), process_id(INSTANCE, "UNKNOWN_REMOTE")
    ask.rows.seen = [
        Edge(web, remote, Side.CLIENT, 49),
        Edge(web, remote, Side.CLIENT, 130),
        Edge(web, remote, Side.SERVER, 129),
    ]
    query = """query ($id: ID!, $duration: Duration!) {
      getProcessTopology(serviceInstanceId: $id, duration: $duration) {
        nodes { name isReal serviceInstanceId }
        calls { id source target detectPoints sourceComponents targetComponents }
      }
    }"""

    found = (await ask.data(query, id=INSTANCE, duration=DURATION))["getProcessTopology"]
    assert [("web", True), ("UNKNOWN_REMOTE", False)] == [
        (node["name"], node["isReal"]) for node in found["nodes"]
    ]
    assert [
        {
            "id": relation_id(web, remote),
            "source": web,
            "target": remote,
            "detectPoints": ["CLIENT", "SERVER"],
            "sourceComponents": ["http", "tls"],
            "targetComponents": ["https"],
        }
    ] == found["calls"]


async def test_an_edge_whose_requests_are_read_is_https(ask: Asking) -> None:
    """What was seen before the first request is no protocol of its own."""
    web, remote = process_id(INSTANCE, "web"), process_id(INSTANCE, "UNKNOWN_REMOTE")
    ask.rows.seen = [Edge(web, remote, Side.CLIENT, 130), Edge(web, remote, Side.CLIENT, 129)]
    query = """query ($id: ID!, $duration: Duration!) {
      getProcessTopology(serviceInstanceId: $id, duration: $duration) {
        calls { sourceComponents }
      }
    }"""

    found = (await ask.data(query, id=INSTANCE, duration=DURATION))["getProcessTopology"]
    assert [{"sourceComponents": ["https"]}] == found["calls"]


@pytest.mark.parametrize(
    ("reason", "components"), [("inlined", ["https", "tls"]), ("silent", ["https"])]
)
async def test_what_cannot_be_read_is_tls_beside_https(
    ask: Asking, reason: str, components: list[str]
) -> None:
    """Two workers of one name, one of which nobody can read; an idle one may be read yet."""
    web, remote = process_id(INSTANCE, "web"), process_id(INSTANCE, "UNKNOWN_REMOTE")
    ask.rows.seen = [Edge(web, remote, Side.CLIENT, 130), Edge(web, remote, Side.CLIENT, 129)]
    table = {"{library=OpenSSL 3,reason=silent}": 3, f"{{library=x,reason={reason}}}": 2}
    ask.rows.found["process_relation_tls_connections"] = [Point(60, Side.CLIENT, 0, 0, table)]
    ask.rows.found["process_relation_tls_readable"] = [Point(60, Side.CLIENT, 3, 0, {})]
    query = """query ($id: ID!, $duration: Duration!) {
      getProcessTopology(serviceInstanceId: $id, duration: $duration) {
        calls { sourceComponents }
      }
    }"""

    found = (await ask.data(query, id=INSTANCE, duration=DURATION))["getProcessTopology"]
    assert [{"sourceComponents": components}] == found["calls"]


CREATE = """mutation ($request: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $request) { status errorReason id }
}"""
SETTINGS = {"requireCompleteRequest": True, "requireCompleteResponse": False}


def rule(**rest: object) -> dict[str, object]:
    """A sampling rule that is fine but for what is said."""
    return {"when4xx": False, "when5xx": True, "settings": SETTINGS} | rest


@pytest.mark.parametrize(
    ("instance", "rules", "reason"),
    [
        ("", [], "instance could not be empty"),
        (instance_id(SERVICE, "nowhere"), [], "The instance doesn't have processes."),
        (INSTANCE, [rule(), rule()], "already contains the default sampling config"),
        (
            INSTANCE,
            [rule(uriRegex="/a"), rule(uriRegex="/a")],
            'already contains the "/a" sampling config',
        ),
        (INSTANCE, [rule(minDuration=-1)], "the min duration must bigger or equals zero"),
        (
            INSTANCE,
            [rule(settings=SETTINGS | {"requireCompleteRequest": False})],
            "please collect at least one of request or response",
        ),
        (
            INSTANCE,
            [rule(settings=SETTINGS | {"maxRequestSize": 0})],
            "the max request size must bigger than zero",
        ),
        (INSTANCE, [rule(uriRegex="/a(")], 'the uri regex "/a(" is invalid at position 0: missing'),
    ],
)
async def test_a_task_that_cannot_be_is_refused_in_oaps_words(
    ask: Asking, instance: str, rules: list[object], reason: str
) -> None:
    """Clients show the reason; an invalid pattern is refused here, not in a kernel later."""
    request = {"instanceId": instance, "samplings": rules}

    result = (await ask.data(CREATE, request=request))["createEBPFNetworkProfiling"]
    assert (False, None) == (result["status"], result["id"])
    assert result["errorReason"].startswith(reason)
    assert [] == ask.rows.kept


async def test_a_task_runs_ten_minutes_from_now(ask: Asking) -> None:
    """It is listed with the shape that every client reads."""
    request = {"instanceId": INSTANCE, "samplings": [rule(uriRegex="/a", minDuration=5)]}
    created = (await ask.data(CREATE, request=request))["createEBPFNetworkProfiling"]
    query = """query ($id: ID) { queryEBPFProfilingTasks(serviceInstanceId: $id) {
      taskId serviceName serviceInstanceName taskStartTime fixedTriggerDuration triggerType
      targetType processLabels
    } }"""

    (task,) = (await ask.data(query, id=INSTANCE))["queryEBPFProfilingTasks"]
    assert {
        "taskId": created["id"], "serviceName": "shop::cart", "serviceInstanceName": "pod-0",
        "taskStartTime": NOW_MS, "fixedTriggerDuration": 600, "triggerType": "FIXED_TIME",
        "targetType": "NETWORK", "processLabels": [],
    } == task  # fmt: skip
    (kept,) = ask.rows.kept
    assert ("/a", 5, False, True) == (
        kept.rules[0].uri_regex, kept.rules[0].min_duration_ms,
        kept.rules[0].when_4xx, kept.rules[0].when_5xx,
    )  # fmt: skip


KEEP = """mutation ($id: ID!) { keepEBPFNetworkProfiling(taskId: $id) { status errorReason } }"""


async def test_keeping_extends_only_what_is_about_to_end(ask: Asking) -> None:
    """More than a minute left: nothing to do. Less: ten minutes more. Ended: refused."""
    await ask.data(CREATE, request={"instanceId": INSTANCE, "samplings": []})
    (task,) = ask.rows.kept

    async def keep() -> tuple[bool, str | None, int]:
        result = (await ask.data(KEEP, id=task.task_id))["keepEBPFNetworkProfiling"]
        return result["status"], result["errorReason"], ask.rows.kept[0].duration_s

    ask.now_ms = task.end_ms - 60_001
    assert (True, None, 600) == await keep()
    ask.now_ms = task.end_ms - 60_000
    assert (True, None, 1200) == await keep()
    assert replace(task, duration_s=1200, update_ms=ask.now_ms) == ask.rows.kept[0]
    ask.now_ms = ask.rows.kept[0].end_ms + 1
    assert (False, "profiling task has been finished", 1200) == await keep()


async def test_keeping_what_is_not_there_is_refused(ask: Asking) -> None:
    """In OAP's words."""
    result = (await ask.data(KEEP, id="nothing"))["keepEBPFNetworkProfiling"]
    assert {"status": False, "errorReason": "profiling task not exists"} == result


END = {"ServiceName": "shop::cart", "Normal": True, "ServiceInstanceName": "pod-0"}
ENTITY = {
    **{key[0].lower() + key[1:]: value for key, value in END.items()},
    **{f"dest{key}": value for key, value in END.items()},
    "processName": "web",
    "destProcessName": "UNKNOWN_REMOTE",
    "scope": "ProcessRelation",
}
EXECUTE = """query ($expression: String!, $entity: Entity!, $duration: Duration!) {
  execExpression(expression: $expression, entity: $entity, duration: $duration) {
    type error results { metric { labels { key value } } values { id value } }
  }
}"""


async def execute(ask: Asking, expression: str, **entity: object) -> dict[str, Any]:
    """One expression over two days."""
    variables = {"expression": expression, "entity": ENTITY | entity, "duration": DURATION}
    found: dict[str, Any] = (await ask.data(EXECUTE, **variables))["execExpression"]
    return found


async def test_a_series_has_a_value_or_null_for_every_bucket(ask: Asking) -> None:
    """Ids are the buckets' starts in milliseconds, as text."""
    import datetime

    start = datetime.datetime(2000, 1, 1).astimezone()
    start_s = int(start.timestamp())
    ask.rows.found["requests"] = [Point(start_s + 60, Side.CLIENT, 2880, 0, {})]

    found = await execute(ask, "requests")
    assert ("TIME_SERIES_VALUES", None) == (found["type"], found["error"])
    (result,) = found["results"]
    assert [
        {"id": str(start_s * 1000), "value": "2"},
        {"id": str((start_s + 86_400) * 1000), "value": None},
    ] == result["values"]


async def test_without_data_an_unlabelled_metric_has_nulls_and_a_labelled_none(
    ask: Asking,
) -> None:
    """As SkyWalking answers."""
    (result,) = (await execute(ask, "requests"))["results"]
    assert ([], [None, None]) == (
        result["metric"]["labels"], [value["value"] for value in result["values"]],
    )  # fmt: skip
    assert [] == (await execute(ask, "codes"))["results"]


async def test_an_unknown_metric_is_named(ask: Asking) -> None:
    """The answer has a type and no results."""
    found = await execute(ask, "requests + nothing")
    assert ("UNKNOWN", "Metric: [nothing] does not exist.", []) == (
        found["type"], found["error"], found["results"],
    )  # fmt: skip


async def test_half_an_entity_is_empty_without_an_error(ask: Asking) -> None:
    """Every name of both ends is needed."""
    found = await execute(ask, "requests", destProcessName=None)
    assert ("UNKNOWN", None, []) == (found["type"], found["error"], found["results"])


async def test_a_pages_expressions_are_one_question_to_storage(ask: Asking) -> None:
    """However many aliases stand in a request."""
    parts = [
        f'm{n}: execExpression(expression: "{name}", entity: $entity, duration: $duration)'
        " { type }"
        for n, name in enumerate(["requests", "codes", "requests * 60", "sum(codes)"])
    ]
    query = f"query ($entity: Entity!, $duration: Duration!) {{ {' '.join(parts)} }}"

    await ask.data(query, entity=ENTITY, duration=DURATION)
    assert [["codes", "requests"]] == ask.rows.questions


async def test_others_are_served_between_the_expressions_of_a_page(ask: Asking) -> None:
    """A great question does not hold the event loop, which agents report over too."""
    parts = [
        f'm{n}: execExpression(expression: "requests", entity: $entity, duration: $duration)'
        " { type }"
        for n in range(50)
    ]
    query = f"query ($entity: Entity!, $duration: Duration!) {{ {' '.join(parts)} }}"
    asked = asyncio.create_task(ask.data(query, entity=ENTITY, duration=DURATION))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1

    assert 50 == len(await asked)
    assert turns > 50


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        (
            "sampled_slow_trace_record",
            "Metric: [sampled_slow_trace_record] is topN record, need top_n function for query.",
        ),
        (
            "top_n(codes, 5, des)",
            "Metric: [codes] is labeled value, does not support top_n query.",
        ),
        ("top_n(load, 0, des)", "TopN value must be > 0."),
        ("increase(requests, 501)", "The trend range must not be greater than 500."),
        ("rate(requests, 1) + rate(codes, 501)", "The trend range must not be greater than 500."),
        ("requests +", "line 1:10 mismatched input '<EOF>' expecting"),
    ],
)
async def test_what_cannot_be_asked_so_is_said(ask: Asking, expression: str, error: str) -> None:
    """In the result, not as a failure of the request."""
    found = await execute(ask, expression)

    assert ("UNKNOWN", []) == (found["type"], found["results"])
    assert found["error"].startswith(error)


async def test_a_store_that_fails_is_a_result_in_oaps_words(
    ask: Asking, caplog: pytest.LogCaptureFixture
) -> None:
    """The other expressions of a page are answered; the log has the reason, the client has not."""

    async def broken(*_: object, **__: object) -> Any:
        raise OSError("disk full at /var/lib")

    ask.rows.top = broken  # type: ignore[method-assign]
    found = await execute(ask, "top_n(load, 5, des)")

    assert ("UNKNOWN", "Internal IO exception, query metrics error.") == (
        found["type"], found["error"],
    )  # fmt: skip
    assert "disk full" in caplog.text
    assert (await execute(ask, "requests"))["error"] is None


async def test_a_list_says_whose_each_value_is(ask: Asking) -> None:
    """Of the instances of the entity's service; a relation is named for its two ends."""
    ask.rows.ranking = [(INSTANCE, 7)]
    query = EXECUTE.replace("id value", "id value owner { scope serviceName serviceInstanceID }")
    variables = {"entity": ENTITY, "duration": DURATION}

    found = await ask.data(query, expression="top_n(load, 5, des)", **variables)
    (value,) = found["execExpression"]["results"][0]["values"]
    assert ("pod-0", "7") == (value["id"], value["value"])
    assert {
        "scope": "ServiceInstance", "serviceName": "shop::cart", "serviceInstanceID": INSTANCE,
    } == value["owner"]  # fmt: skip
    assert [SERVICE] == ask.rows.asked_within

    edge = relation_id(process_id(INSTANCE, "web"), process_id(INSTANCE, "UNKNOWN_REMOTE"))
    ask.rows.ranking = [(edge, 7)]
    found = await ask.data(query, expression="top_n(requests, 5, des)", **variables)
    assert "web - UNKNOWN_REMOTE" == found["execExpression"]["results"][0]["values"][0]["id"]


@pytest.mark.parametrize(
    ("condition", "within"),
    [
        ("attr0='K8S_SERVICE'", [SERVICE]),
        ("attr0!='K8S_SERVICE'", []),
        ("attr0='MESH'", []),
        ("attr1!='x'", [SERVICE]),
    ],
)
async def test_the_first_attribute_is_a_services_layer(
    ask: Asking, condition: str, within: list[str]
) -> None:
    """Nothing here has any other, so that to want one leaves nobody."""
    ask.rows.ranking = [(INSTANCE, 7)]
    found = await execute(ask, f"top_n(load, 5, des, {condition})", serviceName="")

    assert bool(within) == bool(found["results"][0]["values"])
    assert (within or None) == ask.rows.asked_within


DEBUG = """query ($expression: String!, $entity: Entity!, $duration: Duration!, $debug: Boolean) {
  execExpression(
    expression: $expression, entity: $entity, duration: $duration, debug: $debug
  ) {
    debuggingTrace {
      traceId condition startTime endTime duration
      spans { spanId parentSpanId operation startTime endTime duration error }
    }
  }
}"""


async def test_who_debugs_learns_how_long_the_parts_took(ask: Asking) -> None:
    """Within the whole, one after the other; a part that failed says why. Nobody else is told."""
    variables = {"entity": ENTITY, "duration": DURATION, "expression": "requests"}
    found = (await ask.data(DEBUG, debug=True, **variables))["execExpression"]["debuggingTrace"]

    whole, *parts = found["spans"]
    assert (-1, [0, 0, 0]) == (whole["parentSpanId"], [part["parentSpanId"] for part in parts])
    times = [time for part in parts for time in (part["startTime"], part["endTime"])]
    assert sorted(times) == times
    assert found["startTime"] <= times[0] <= times[-1] <= found["endTime"]
    assert "Expression: requests" in found["condition"]
    broken = await ask.data(DEBUG, debug=True, **(variables | {"expression": "+"}))
    (part,) = broken["execExpression"]["debuggingTrace"]["spans"][1:]
    assert "mismatched input '+'" in part["error"]
    quiet = await ask.data(DEBUG, debug=False, **variables)
    assert quiet["execExpression"]["debuggingTrace"] is None


async def test_a_store_that_fails_is_no_health(ask: Asking) -> None:
    """A score above zero, and 503 for who looks by HTTP."""

    async def broken() -> None:
        raise OSError("no space left")

    ask.rows.services = broken  # type: ignore[method-assign, assignment]
    found = (await ask.data("{ checkHealth { score details } }"))["checkHealth"]
    assert (1, "the store does not answer; the log says why") == (found["score"], found["details"])
    assert 503 == (await ask.client.get("/healthcheck")).status_code


async def test_a_broken_duration_is_an_error_that_shows_the_right_form(ask: Asking) -> None:
    """Whoever asked can mend it."""
    query = 'query ($d: Duration!) { getAllServices(duration: $d) { id } listInstances(duration: $d, serviceId: "x") { id } }'  # noqa: E501
    body = await ask(query, d=DURATION | {"start": "yesterday"})

    assert "write it like '2026-01-31'" in body["errors"][0]["message"]


async def test_without_a_built_page_the_root_says_how_to_build_it(ask: Asking) -> None:
    """Not a bare 404."""
    answer = await ask.client.get("/")
    assert (503, True) == (answer.status_code, "make ui" in answer.text)
    assert 200 == (await ask.client.get("/healthcheck")).status_code
