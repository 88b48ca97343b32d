"""Processes: reports, heartbeats, ids (contract 1.1 to 1.3, 4.5 to 4.8)."""

import uuid
from dataclasses import replace

from conformance import ids
from conformance.message import Message, message
from conformance.rover import Rover, pair
from conformance.target import Target, window

PROCESSES = """query ($instance: ID!, $duration: Duration!) {
  processes: listProcesses(instanceId: $instance, duration: $duration) {
    id name serviceId serviceName instanceId instanceName agentId detectType labels
    attributes { name value }
  }
}"""
SERVICE = "query ($name: String!) { service: findService(serviceName: $name) { id layers normal } }"


def listed(rover: Rover) -> list[dict[str, object]]:
    """The instance's processes over GraphQL."""
    found: list[dict[str, object]] = rover.target.ask(
        PROCESSES, instance=rover.instance_id, duration=window()
    )
    return found


def test_ids_are_the_protocols_test_vectors(target: Target) -> None:
    """Service `service`, instance `test-instance`, process `service`."""
    rover = Rover(target, service="service")
    (answer,) = rover.report(rover.metadata(rover.entity("service")))

    assert "c2VydmljZQ==.1_dGVzdC1pbnN0YW5jZQ==" == rover.instance_id
    assert "0c106e314ae0dae7cb655c3835ca77c890caedd78f51971ff60e5919805109f9" == answer.text(1)


def test_an_entity_is_echoed_to_the_byte(rover: Rover) -> None:
    """Kind, pid, every name and the labels in their order."""
    entity = rover.entity("web", labels=("b", "a", "b"))
    for kind in (1, 2):
        (answer,) = rover.report(
            rover.metadata(entity, pid=4242, properties={"host_ip": "1.2.3.4"}), kind=kind
        )
        (inner,) = answer.all(kind + 1)
        assert (4242, entity) == (inner.number(1), inner.all_bytes(2)[0])


def test_a_name_longer_than_seventy_is_echoed_whole(rover: Rover) -> None:
    """Whatever a backend does with it in ids."""
    rover.service = "s" * 200
    entity = rover.entity("p" * 200)
    (answer,) = rover.report(rover.metadata(entity))

    assert entity == answer.all(3)[0].all_bytes(2)[0]


def test_every_process_is_answered(rover: Rover) -> None:
    """Known or not, two entities of one pid, workers of one name."""
    entities = [rover.entity("web"), rover.entity("web"), rover.entity("web", service="other")]
    first = rover.report(*(rover.metadata(each) for each in entities))
    again = rover.report(*(rover.metadata(each) for each in entities))

    assert 3 == len(first) == len(again)
    assert first[0].text(1) == first[1].text(1) != first[2].text(1)


def test_unknown_layers_are_answered_when_reported(rover: Rover) -> None:
    """An agent forgets a process without an answer for good."""
    rover.layer = "NO_SUCH_LAYER"

    assert 1 == len(rover.report(rover.metadata(rover.entity("web"))))


def test_an_unknown_field_is_read_over(rover: Rover) -> None:
    """A later protocol may say more."""
    entity = rover.entity("web") + message((99, "later"), (98, 5))

    assert 1 == len(rover.report(rover.metadata(entity)))


def test_an_empty_report_is_answered_with_nothing(rover: Rover) -> None:
    """No process, no answer, no error."""
    assert [] == rover.report()


def test_a_report_alone_makes_no_service(rover: Rover) -> None:
    """Only a heartbeat does."""
    rover.report(rover.metadata(rover.entity("web")))
    assert None is rover.target.ask(SERVICE, name=rover.service)

    assert b"" == rover.keep_alive(rover.entity("web"))
    service = rover.target.ask(SERVICE, name=rover.service)
    assert {"id": rover.service_id, "layers": ["K8S_SERVICE"], "normal": True} == service


def test_a_heartbeat_alone_makes_a_process_of_no_detect_type(rover: Rover) -> None:
    """It carries no pid and no kind."""
    rover.keep_alive(rover.entity("web"))

    assert ["UNDEFINED"] == [each["detectType"] for each in listed(rover)]


def test_one_unknown_layer_does_not_take_its_neighbours(rover: Rover) -> None:
    """The heartbeat of the others counts."""
    rover.keep_alive(rover.entity("bad", layer="NO_SUCH_LAYER"), rover.entity("web"))

    assert ["web"] == [each["name"] for each in listed(rover)]


def test_a_service_in_two_layers_has_both(rover: Rover) -> None:
    """One name, one service."""
    for layer in ("K8S_SERVICE", "MESH"):
        rover.keep_alive(rover.entity("web", layer=layer))

    service = rover.target.ask(SERVICE, name=rover.service)
    assert ["K8S_SERVICE", "MESH"] == sorted(service["layers"])


def test_a_kubernetes_process_is_listed_with_everything_reported(rover: Rover) -> None:
    """Properties as attributes, labels, the agent, every id."""
    properties = {"host_ip": "127.0.0.1", "pid": "7", "command_line": "/service/service"}
    rover.report(rover.metadata(rover.entity("web"), properties=properties))

    (process,) = listed(rover)
    assert {
        "id": rover.process_id("web"), "name": "web", "serviceId": rover.service_id,
        "serviceName": rover.service, "instanceId": rover.instance_id,
        "instanceName": "test-instance", "agentId": rover.agent, "detectType": "KUBERNETES",
        "labels": ["k8s-service"],
    } == {key: value for key, value in process.items() if key != "attributes"}  # fmt: skip
    assert isinstance(process["attributes"], list)
    assert properties == {each["name"]: each["value"] for each in process["attributes"]}


def test_a_host_process_is_a_vm(rover: Rover) -> None:
    """The other kind of the same report."""
    rover.report(rover.metadata(rover.entity("web")), kind=1)

    assert ["VM"] == [each["detectType"] for each in listed(rover)]


def test_a_heartbeat_keeps_what_a_report_said(rover: Rover) -> None:
    """Properties merge by key; kind, labels and agent stay where it says nothing."""
    rover.report(rover.metadata(rover.entity("web"), properties={"host_ip": "1.1.1.1"}))
    rover.keep_alive(rover.entity("web", labels=()))

    (process,) = listed(rover)
    assert ("KUBERNETES", ["k8s-service"], rover.agent) == (
        process["detectType"], process["labels"], process["agentId"],
    )  # fmt: skip
    assert isinstance(process["attributes"], list)
    assert {"host_ip", "support_ebpf_profiling"} == {each["name"] for each in process["attributes"]}


def test_a_process_belongs_to_the_agent_that_spoke_last(rover: Rover) -> None:
    """A restarted agent has another id."""
    rover.report(rover.metadata(rover.entity("web")))
    successor = replace(rover, agent=str(uuid.uuid4()))
    successor.report(successor.metadata(successor.entity("web")))

    assert [successor.agent] == [each["agentId"] for each in listed(rover)]


def test_old_names_without_a_package_are_the_same_services(rover: Rover) -> None:
    """Agents from before protocol v3."""
    listed_process = message((2, rover.metadata(rover.entity("web"))))
    answer = rover.target.call(
        "/EBPFProcessService/reportProcesses", message((1, listed_process), (2, rover.agent))
    )

    assert rover.process_id("web") == Message.of(answer).all(1)[0].text(1)


def test_a_language_agent_makes_a_service_of_the_layer_general(rover: Rover) -> None:
    """By its heartbeat and by its properties."""
    ping = message((1, rover.service), (2, "go-1"))
    assert b"" == rover.target.call("ManagementService/keepAlive", ping)
    properties = message((1, rover.service), (2, "go-2"), (3, pair("language", "Go")))
    assert b"" == rover.target.call("ManagementService/reportInstanceProperties", properties)

    assert ["GENERAL"] == rover.target.ask(SERVICE, name=rover.service)["layers"]
    instances = rover.target.ask(
        """query ($service: ID!, $duration: Duration!) {
          listInstances(serviceId: $service, duration: $duration) { id name }
        }""",
        service=rover.service_id,
        duration=window(),
    )
    assert {"go-1", "go-2"} == {each["name"] for each in instances}
    assert ids.instance_id(rover.service, "go-1") in {each["id"] for each in instances}
