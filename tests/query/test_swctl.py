"""
The command line client of SkyWalking, as it asks: each of its commands as the document it sends.

The documents are built from contract 6.2's fields; answers come from the real embedded store with
the shipped rules' metrics. `service` and `test-instance` are the contract's own names.
"""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from podwire.app.rules import shipped
from podwire.mal import load
from podwire.model.identity import instance_id, process_id, relation_id, service_id
from podwire.model.metric import Partial, Relation, Side
from podwire.model.process import DetectType, Entity, ProcessRecord
from podwire.model.record import SampledKind, SampledRecord
from podwire.model.trace import Span, SpanEvent
from podwire.query import application
from podwire.storage import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE = service_id("service")
INSTANCE = instance_id(SERVICE, "test-instance")
PROCESS = "0c106e314ae0dae7cb655c3835ca77c890caedd78f51971ff60e5919805109f9"
REMOTE = "cb9e9d1badbdc5fb7b1a638c3e8525de1d8b843e53c58e5406fea90974e304b9"
EDGE = f"{PROCESS}-{REMOTE}"
NOW_S = int(time.time()) // 60 * 60
NOW_MS = NOW_S * 1000
P = "process_relation_"


def record(name: str, detect_type: DetectType, agent: str) -> ProcessRecord:
    """A process of the one instance."""
    return ProcessRecord(
        process_id=process_id(INSTANCE, name),
        entity=Entity(
            layer="K8S_SERVICE", service="service", instance="test-instance", process=name,
            labels=("k8s-service",) if agent else (),
        ),
        detect_type=detect_type,
        agent_id=agent,
        last_ping_ms=NOW_MS,
        properties=(("pid", "7"), ("support_ebpf_profiling", "true")) if agent else (),
    )  # fmt: skip


async def fill(store: Store) -> None:
    """One process that talks to somebody elsewhere, one slow request, its trace and events."""
    service = record("service", DetectType.KUBERNETES, "agent")
    await store.keep_alive([service])
    await store.report_processes([service, record("UNKNOWN_REMOTE", DetectType.VIRTUAL, "")])
    table = {"10000": 9, "1000000": 1}
    parts = [
        Partial(f"{P}client_write_cpm", EDGE, Side.CLIENT, NOW_S, 12),
        Partial(f"{P}client_write_avg_exe_time", EDGE, Side.CLIENT, NOW_S, 90, 4),
        Partial(f"{P}client_write_rtt_time_percentile", EDGE, Side.CLIENT, NOW_S, table=table),
    ]
    await store.add(parts, [Relation(INSTANCE, PROCESS, REMOTE, Side.CLIENT, 49, NOW_S)])
    await store.add_records(
        [
            SampledRecord(
                kind=SampledKind.SLOW, entity=EDGE, trace_id="trace", statement="/provider",
                latency_ms=1001, timestamp_ms=NOW_MS,
            )
        ]
    )  # fmt: skip
    await store.add_spans([SPAN])
    await store.add_events([EVENT])
    await store.flush()


SPAN = Span(
    trace_id="trace", segment_id="segment", span_id=1, parent_span_id=0, service="service",
    instance="provider", start_ms=NOW_MS, end_ms=NOW_MS + 9, endpoint="GET:/provider",
    kind="Exit", peer="proxy:80", component=5005, is_error=False, layer="Http",
)  # fmt: skip
EVENT = SpanEvent(
    trace_id="trace", segment_id="segment", span_id="1", name="HTTP Request Sampling",
    start_ns=NOW_MS * 1_000_000 + 7, end_ns=NOW_MS * 1_000_000 + 9,
    tags=(("data_size", "157B"), ("data_direction", "outbound"), ("data_type", "request")),
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def swctl() -> AsyncIterator[httpx.AsyncClient]:
    """What the client talks to."""
    store = await Store.open("chdb://memory")
    await fill(store)
    metrics = {each.name: each for path in shipped().glob("*.yaml") for each in load(path).metrics}
    app = application(store, metrics=metrics, page=None, now_ms=lambda: NOW_MS + 30_000)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://podwire"
    ) as client:
        yield client
    await store.close()


async def ask(swctl: httpx.AsyncClient, query: str, **variables: object) -> Any:
    """The answer under the client's alias, sent with its content type."""
    answer = await swctl.post(
        "/graphql",
        json={"query": query, "variables": variables},
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    body = answer.json()
    assert (200, "errors" in body) == (answer.status_code, False), body
    return body["data"]["result"]


def duration() -> dict[str, object]:
    """The client's default: the last thirty minutes; it always sends coldStage."""
    texts = [time.strftime("%Y-%m-%d %H%M", time.localtime(NOW_S - s)) for s in (29 * 60, 0)]
    return {"start": texts[0], "end": texts[1], "step": "MINUTE", "coldStage": False}


def entity(**rest: object) -> dict[str, object]:
    """The names it sends: those that were not given are empty, processes null."""
    names: dict[str, object] = {
        "scope": "ProcessRelation", "serviceName": "service", "normal": True,
        "serviceInstanceName": "test-instance", "endpointName": "", "processName": "service",
        "destServiceName": "service", "destNormal": True,
        "destServiceInstanceName": "test-instance", "destEndpointName": "",
        "destProcessName": "UNKNOWN_REMOTE",
    }  # fmt: skip
    return names | rest


async def test_before_every_command(swctl: httpx.AsyncClient) -> None:
    """The zone is a sign and four digits, and the version begins so that it asks in its new way."""
    query = "query { result: getTimeInfo { timezone currentTimestamp } }"
    info = await ask(swctl, query)

    sign, digits = info["timezone"][0], info["timezone"][1:]
    assert (True, True, 4) == (sign in "+-", digits.isdigit(), len(digits))
    assert info["currentTimestamp"] == NOW_MS + 30_000
    major, _, rest = (await ask(swctl, "query { result: version }")).partition(".")
    assert (True, 7) == (int(major) >= 9, len(rest.partition("-")[2]))


SERVICE_FIELDS = "{ id name group shortName layers normal }"
THE_SERVICE = {
    "id": SERVICE, "name": "service", "group": "", "shortName": "service",
    "layers": ["K8S_SERVICE"], "normal": True,
}  # fmt: skip


async def test_service_ls(swctl: httpx.AsyncClient) -> None:
    """With the question of the older protocol."""
    query = (
        "query ($duration: Duration!) { result: getAllServices(duration: $duration) "
        + f"{SERVICE_FIELDS} }}"
    )
    assert [THE_SERVICE] == await ask(swctl, query, duration=duration())


async def test_a_service_by_its_name(swctl: httpx.AsyncClient) -> None:
    """As for every `--service-name`."""
    query = f"query ($name: String!) {{ result: findService(serviceName: $name) {SERVICE_FIELDS} }}"

    assert THE_SERVICE == await ask(swctl, query, name="service")
    assert await ask(swctl, query, name="nothing") is None


async def test_service_layer_and_layer_ls(swctl: httpx.AsyncClient) -> None:
    """By layer, and which there are."""
    query = f"query ($layer: String) {{ result: listServices(layer: $layer) {SERVICE_FIELDS} }}"

    assert [THE_SERVICE] == await ask(swctl, query, layer="K8S_SERVICE")
    assert [] == await ask(swctl, query, layer="GENERAL")
    assert ["K8S_SERVICE"] == await ask(swctl, "query { result: listLayers }")


async def test_instance_ls(swctl: httpx.AsyncClient) -> None:
    """Without attributes, its id as its UUID."""
    query = """query ($serviceId: ID!, $duration: Duration!) {
      result: listInstances(duration: $duration, serviceId: $serviceId) {
        id name language instanceUUID attributes { name value }
      }
    }"""
    found = await ask(swctl, query, serviceId=SERVICE, duration=duration())
    assert [
        {
            "id": INSTANCE, "name": "test-instance", "language": "UNKNOWN",
            "instanceUUID": INSTANCE, "attributes": [],
        }
    ] == found  # fmt: skip


PROCESS_FIELDS = """{
  id name serviceId serviceName instanceId instanceName agentId detectType labels
  attributes { name value }
}"""


async def test_process_ls_and_get(swctl: httpx.AsyncClient) -> None:
    """Virtual processes are listed too."""
    query = f"""query ($instanceId: ID!, $duration: Duration!) {{
      result: listProcesses(instanceId: $instanceId, duration: $duration) {PROCESS_FIELDS}
    }}"""
    virtual, real = await ask(swctl, query, instanceId=INSTANCE, duration=duration())
    assert (REMOTE, "VIRTUAL", "", []) == (
        virtual["id"], virtual["detectType"], virtual["agentId"], virtual["labels"],
    )  # fmt: skip
    assert (PROCESS, "KUBERNETES", "agent", ["k8s-service"]) == (
        real["id"], real["detectType"], real["agentId"], real["labels"],
    )  # fmt: skip
    assert {"name": "pid", "value": "7"} in real["attributes"]

    one = (
        f"query ($processId: ID!) {{ result: getProcess(processId: $processId) {PROCESS_FIELDS} }}"
    )
    assert real == await ask(swctl, one, processId=PROCESS)
    assert await ask(swctl, one, processId="nothing") is None


async def test_process_estimate(swctl: httpx.AsyncClient) -> None:
    """Live processes that could be profiled, with all of the labels."""
    query = """query ($serviceId: ID!, $labels: [String!]!) {
      result: estimateProcessScale(serviceId: $serviceId, labels: $labels)
    }"""
    assert 1 == await ask(swctl, query, serviceId=SERVICE, labels=[])
    assert 1 == await ask(swctl, query, serviceId=SERVICE, labels=["k8s-service"])
    assert 0 == await ask(swctl, query, serviceId=SERVICE, labels=["k8s-service", "other"])


async def test_dependency_process(swctl: httpx.AsyncClient) -> None:
    """Who talks to whom, over what, seen from where."""
    query = """query ($serviceInstanceId: ID!, $duration: Duration!) {
      result: getProcessTopology(serviceInstanceId: $serviceInstanceId, duration: $duration) {
        nodes {
          id serviceId serviceName serviceInstanceId serviceInstanceName name isReal
        }
        calls { source target id detectPoints sourceComponents targetComponents }
      }
    }"""
    found = await ask(swctl, query, serviceInstanceId=INSTANCE, duration=duration())

    assert {("service", True), ("UNKNOWN_REMOTE", False)} == {
        (node["name"], node["isReal"]) for node in found["nodes"]
    }
    assert [
        {
            "source": PROCESS, "target": REMOTE, "id": relation_id(PROCESS, REMOTE),
            "detectPoints": ["CLIENT"], "sourceComponents": ["http"], "targetComponents": [],
        }
    ] == found["calls"]  # fmt: skip


async def test_profiling_ebpf_create_keep_and_list(swctl: httpx.AsyncClient) -> None:
    """The whole life of a network profiling task."""
    create = """mutation ($request: EBPFProfilingNetworkTaskRequest!) {
      result: createEBPFNetworkProfiling(request: $request) { status id errorReason }
    }"""
    sampling = {
        "uriRegex": None, "minDuration": 1, "when4xx": True, "when5xx": True,
        "settings": {
            "requireCompleteRequest": True, "maxRequestSize": None,
            "requireCompleteResponse": True, "maxResponseSize": None,
        },
    }  # fmt: skip
    created = await ask(swctl, create, request={"instanceId": INSTANCE, "samplings": [sampling]})
    assert (True, None) == (created["status"], created["errorReason"])

    keep = """mutation ($taskId: ID!) {
      result: keepEBPFNetworkProfiling(taskId: $taskId) { status errorReason }
    }"""
    assert {"status": True, "errorReason": None} == await ask(swctl, keep, taskId=created["id"])
    query = """query ($serviceId: ID, $triggerType: EBPFProfilingTriggerType) {
      result: queryEBPFProfilingTasks(serviceId: $serviceId, triggerType: $triggerType) {
        taskId serviceId serviceName serviceInstanceId serviceInstanceName processLabels processId
        processName taskStartTime triggerType fixedTriggerDuration targetType createTime
        continuousProfilingCauses {
          type singleValue { threshold current } uri { uriRegex uriPath threshold current } message
        }
      }
    }"""
    (task,) = await ask(swctl, query, serviceId=SERVICE, triggerType="FIXED_TIME")
    assert (created["id"], "test-instance", [], "NETWORK", 600) == (
        task["taskId"], task["serviceInstanceName"], task["processLabels"], task["targetType"],
        task["fixedTriggerDuration"],
    )  # fmt: skip


EXECUTE = """query ($expression: String!, $entity: Entity!, $duration: Duration!) {
  result: execExpression(expression: $expression, entity: $entity, duration: $duration) {
    type error
    results {
      metric { labels { key value } }
      values {
        id value traceID
        owner {
          scope serviceID serviceName normal serviceInstanceID serviceInstanceName endpointID
          endpointName
        }
      }
    }
  }
}"""


async def test_metrics_exec(swctl: httpx.AsyncClient) -> None:
    """A value, and null where there is none; the last point is now."""
    found = await ask(
        swctl, EXECUTE, expression=f"{P}client_write_cpm", entity=entity(), duration=duration()
    )

    assert ("TIME_SERIES_VALUES", None, 1) == (found["type"], found["error"], len(found["results"]))
    values = found["results"][0]["values"]
    assert (30, {"id": str(NOW_MS), "value": "12", "traceID": None, "owner": None}) == (
        len(values), values[-1],
    )  # fmt: skip
    assert values[0]["value"] is None


async def test_metrics_exec_of_percentiles(swctl: httpx.AsyncClient) -> None:
    """One row a rank, under the label `p`; nine of ten are in the first bucket."""
    expression = f"latest({P}client_write_rtt_time_percentile{{p='50,95'}})/1000"
    found = await ask(swctl, EXECUTE, expression=expression, entity=entity(), duration=duration())

    assert ("SINGLE_VALUE", None) == (found["type"], found["error"])
    assert [([{"key": "p", "value": "50"}], "10"), ([{"key": "p", "value": "95"}], "1000")] == [
        (row["metric"]["labels"], row["values"][0]["value"]) for row in found["results"]
    ]


async def test_metrics_exec_of_sampled_requests(swctl: httpx.AsyncClient) -> None:
    """What a request is called, how long it took, its trace; without top_n it is refused."""
    found = await ask(
        swctl, EXECUTE, expression="top_n(sampled_slow_trace_record, 50, DES)", entity=entity(),
        duration=duration(),
    )  # fmt: skip
    assert "RECORD_LIST" == found["type"]
    assert [{"id": "/provider", "value": "1001", "traceID": "trace", "owner": None}] == (
        found["results"][0]["values"]
    )
    bare = await ask(
        swctl, EXECUTE, expression="sampled_slow_trace_record", entity=entity(),
        duration=duration(),
    )  # fmt: skip
    assert (
        "Metric: [sampled_slow_trace_record] is topN record, need top_n function for query."
        == bare["error"]
    )


async def test_metrics_linear(swctl: httpx.AsyncClient) -> None:
    """The older question for the same numbers: 90 in 4 values are 22 on average."""
    query = """query ($condition: MetricsCondition!, $duration: Duration!) {
      result: readMetricsValues(condition: $condition, duration: $duration) {
        label values { values { value isEmptyValue } }
      }
    }"""
    condition = {"name": f"{P}client_write_avg_exe_time", "entity": entity()}
    found = await ask(swctl, query, condition=condition, duration=duration())

    values = found["values"]["values"]
    assert {"value": 22, "isEmptyValue": False} == values[-1]
    assert {"value": 0, "isEmptyValue": True} == values[0]


async def test_records_list(swctl: httpx.AsyncClient) -> None:
    """The requests of an edge; of a record that nobody knows there are none."""
    query = """query ($condition: RecordCondition!, $duration: Duration!) {
      result: readRecords(condition: $condition, duration: $duration) { name id value refId }
    }"""
    condition = {
        "name": "sampled_slow_trace_record", "parentEntity": entity(), "topN": 100, "order": "DES",
    }  # fmt: skip
    found = await ask(swctl, query, condition=condition, duration=duration())
    assert [{"name": "/provider", "id": "trace", "value": "1001", "refId": "trace"}] == found
    unknown = condition | {"name": "nothing"}
    assert [] == await ask(swctl, query, condition=unknown, duration=duration())


async def test_trace(swctl: httpx.AsyncClient) -> None:
    """Its spans, and what the network saw of them, to the nanosecond."""
    query = """query ($traceId: ID!, $duration: Duration) {
      result: queryTrace(traceId: $traceId, duration: $duration) {
        spans {
          traceId segmentId spanId parentSpanId
          refs { traceId parentSegmentId parentSpanId type }
          serviceCode serviceInstanceName startTime endTime endpointName type peer component
          isError layer tags { key value } logs { time data { key value } }
          attachedEvents {
            startTime { seconds nanos } event endTime { seconds nanos }
            tags { key value } summary { key value }
          }
        }
      }
    }"""
    (span,) = (await ask(swctl, query, traceId="trace"))["spans"]
    assert ("GET:/provider", "Exit", "GoHttpClient", 1, 0) == (
        span["endpointName"], span["type"], span["component"], span["spanId"],
        span["parentSpanId"],
    )  # fmt: skip
    (event,) = span["attachedEvents"]
    assert ("HTTP Request Sampling", {"seconds": NOW_S, "nanos": 7}, []) == (
        event["event"], event["startTime"], event["summary"],
    )  # fmt: skip
    assert {"key": "data_size", "value": "157B"} in event["tags"]
    assert {"spans": []} == await ask(swctl, query, traceId="nothing", duration=duration())


async def test_health_and_menu_get(swctl: httpx.AsyncClient) -> None:
    """A score of zero is health; the menu leads to the layer that has services."""
    assert {"score": 0, "details": ""} == await ask(
        swctl, "query { result: checkHealth { score details } }"
    )
    query = """query {
      result: getMenuItems {
        title icon layer activate description documentLink i18nKey
        subItems { title icon layer activate description documentLink i18nKey }
      }
    }"""
    (kubernetes,) = await ask(swctl, query)
    assert ("Kubernetes", True) == (kubernetes["title"], kubernetes["activate"])
    assert ["K8S_SERVICE"] == [each["layer"] for each in kubernetes["subItems"]]


@pytest.mark.parametrize(
    "text", ["", "'", "\\", "a'b\\'; --", "\n\t", "\x00", "日本", "{x:String}"]
)
async def test_names_are_names_whatever_is_in_them(swctl: httpx.AsyncClient, text: str) -> None:
    """They are looked for in the store as they are, and are simply not there."""
    query = """query ($text: ID!, $duration: Duration!) {
      result: listProcesses(instanceId: $text, duration: $duration) { id }
      getProcess(processId: $text) { id }
      queryTrace(traceId: $text) { spans { spanId } }
      listInstances(duration: $duration, serviceId: $text) { id }
    }"""
    answer = await swctl.post(
        "/graphql", json={"query": query, "variables": {"text": text, "duration": duration()}}
    )
    body = answer.json()
    assert "errors" not in body, body
    assert {
        "result": [], "getProcess": None, "queryTrace": {"spans": []}, "listInstances": [],
    } == body["data"]  # fmt: skip
