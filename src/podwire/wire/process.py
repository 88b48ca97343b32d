"""
Processes on the wire: reports, heartbeats and their answers.

In: `model.Process` from discovery, or messages.  Out: the other one.
The backend echoes an entity exactly as it came: an agent matches answers by comparing it.
"""

from collections.abc import Iterable

from podwire.model.identity import entity_process_id
from podwire.model.process import DetectType, Entity, Process, ProcessRecord
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import common_pb2, process_pb2


def entity_message(entity: Entity) -> process_pb2.EBPFProcessEntityMetadata:
    """The entity, labels in the order they have."""
    return process_pb2.EBPFProcessEntityMetadata(
        layer=entity.layer,
        serviceName=entity.service,
        instanceName=entity.instance,
        processName=entity.process,
        labels=entity.labels,
    )


def entity_of(message: process_pb2.EBPFProcessEntityMetadata) -> Entity:
    """The entity behind a message."""
    return Entity(
        layer=message.layer,
        service=message.serviceName,
        instance=message.instanceName,
        process=message.processName,
        labels=tuple(message.labels),
    )


def properties_message(process: Process) -> process_pb2.EBPFProcessProperties:
    """One entry of a report: a host process or a Kubernetes process."""
    pairs = [common_pb2.KeyStringValuePair(key=k, value=v) for k, v in process.properties]
    entity = entity_message(process.entity)
    if process.detect_type is DetectType.KUBERNETES:
        return process_pb2.EBPFProcessProperties(
            k8sProcess=process_pb2.EBPFKubernetesProcessMetadata(
                entity=entity, pid=process.pid, properties=pairs
            )
        )
    return process_pb2.EBPFProcessProperties(
        hostProcess=process_pb2.EBPFHostProcessMetadata(
            entity=entity, pid=process.pid, properties=pairs
        )
    )


def ping_message(process: Process) -> process_pb2.EBPFProcessPingPkg:
    """One heartbeat; it carries no pid."""
    kept = [
        common_pb2.KeyStringValuePair(key=key, value=value)
        for key, value in process.properties
        if key == "support_ebpf_profiling"
    ]
    return process_pb2.EBPFProcessPingPkg(
        entityMetadata=entity_message(process.entity), properties=kept
    )


def report_of(
    message: process_pb2.EBPFProcessProperties, *, agent_id: str, now_ms: int
) -> tuple[ProcessRecord, process_pb2.EBPFProcessDownstream]:
    """
    What to keep of a reported process, and the answer that echoes it.

    Raises `Malformed` for an entry that is neither a host nor a Kubernetes process.
    """
    kind = message.WhichOneof("metadata")
    if kind is None:
        raise Malformed("a reported process is neither hostProcess nor k8sProcess")
    metadata = message.hostProcess if kind == "hostProcess" else message.k8sProcess
    record = _record(
        entity_of(metadata.entity),
        metadata.properties,
        detect_type=DetectType.VM if kind == "hostProcess" else DetectType.KUBERNETES,
        agent_id=agent_id,
        now_ms=now_ms,
    )
    answer = process_pb2.EBPFProcessDownstream(processId=record.process_id)
    inner = answer.hostProcess if kind == "hostProcess" else answer.k8sProcess
    inner.pid = metadata.pid
    inner.entityMetadata.CopyFrom(metadata.entity)
    return record, answer


def ping_of(
    message: process_pb2.EBPFProcessPingPkg, *, agent_id: str, now_ms: int
) -> ProcessRecord:
    """What a heartbeat says of its process."""
    return _record(
        entity_of(message.entityMetadata),
        message.properties,
        detect_type=DetectType.UNDEFINED,
        agent_id=agent_id,
        now_ms=now_ms,
    )


def _record(
    entity: Entity,
    properties: Iterable[common_pb2.KeyStringValuePair],
    *,
    detect_type: DetectType,
    agent_id: str,
    now_ms: int,
) -> ProcessRecord:
    return ProcessRecord(
        process_id=entity_process_id(entity),
        entity=entity,
        detect_type=detect_type,
        agent_id=agent_id,
        last_ping_ms=now_ms,
        properties=tuple((pair.key, pair.value) for pair in properties),
    )
