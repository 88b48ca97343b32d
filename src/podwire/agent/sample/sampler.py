"""
Recorded exchanges become samples: the few that a task's rules pick.

In: exchanges of one report, the policies of the tasks that measure their processes.  Out: samples
ready for the wire; what is not delivered is counted by reason.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from podwire.agent.named import Named
from podwire.agent.peer import Peer, peer_of
from podwire.agent.sample import size
from podwire.agent.sample.content import Content, content_of
from podwire.agent.sample.context import Provider, TraceContext, context_of
from podwire.agent.sample.head import path, read
from podwire.agent.sample.policy import Policy
from podwire.agent.sample.redact import RedactionSettings, Redactor
from podwire.agent.sample.rule import Reason
from podwire.model.exchange import Exchange, Recording
from podwire.model.flow import Role
from podwire.model.loss import Loss
from podwire.model.task import SamplingRule
from podwire.model.trace import SpanEvent

ORDER = (Reason.SLOW, Reason.STATUS_4XX, Reason.STATUS_5XX)


@dataclass(frozen=True, slots=True)
class Sample:
    """One picked exchange: what its log says, and the events of its span."""

    service: str
    instance: str
    layer: str
    trace_id: str
    timestamp_ms: int
    """When it was reported; a backend files it under this time."""

    body: Mapping[str, object]
    events: tuple[SpanEvent, ...]


@dataclass(frozen=True, slots=True)
class _Pick:
    exchange: Exchange
    here: Named
    peer: Peer
    policy: Policy
    rule: SamplingRule
    reason: Reason
    path: str
    context: TraceContext

    @property
    def traffic(self) -> tuple[str, Peer, Role, Reason]:
        return self.here.process_id, self.peer, self.exchange.key.role, self.reason


@dataclass(slots=True)
class Sampler:
    """Decides, redacts, describes."""

    redaction: RedactionSettings = field(default_factory=RedactionSettings)
    losses: Counter[str] = field(default_factory=Counter)
    """Samples that were not delivered and contexts that could not be read, by reason."""

    def take(
        self,
        exchanges: Sequence[Exchange],
        *,
        policies: Mapping[int, Sequence[Policy]],
        named: Mapping[int, Named],
        near: Container[str],
        now_ms: int,
    ) -> list[Sample]:
        """The samples of one report; policies by pid, the first that picks an exchange counts."""
        picks = [
            pick
            for exchange in exchanges
            if exchange.key.pid in named
            if (pick := self._pick(exchange, policies, named, near))
        ]
        kept = self._longest(picks)
        redactor = Redactor(self.redaction)
        return [
            self._sample(pick, redactor if pick.policy.options.redact else None, now_ms)
            for pick in kept
        ]

    def _pick(
        self,
        exchange: Exchange,
        policies: Mapping[int, Sequence[Policy]],
        named: Mapping[int, Named],
        near: Container[str],
    ) -> _Pick | None:
        head = read(exchange.request.data)
        target = path(head.target)
        for policy in policies.get(exchange.key.pid, ()):
            picked = policy.rules.pick(target, exchange.status, exchange.duration_ms)
            if picked is None:
                continue
            context = context_of(head, self.losses)
            if context is None and policy.options.require_trace_context:
                self.losses[Loss.SAMPLE_WITHOUT_TRACE_CONTEXT] += 1
                continue
            here = named[exchange.key.pid]
            peer = peer_of(exchange.key, here, named, near)
            reason, rule = picked
            found = context or _own_context()
            return _Pick(exchange, here, peer, policy, rule, reason, target, found)
        return None

    def _longest(self, picks: Sequence[_Pick]) -> list[_Pick]:
        groups: defaultdict[object, list[_Pick]] = defaultdict(list)
        for pick in picks:
            groups[pick.traffic].append(pick)
        kept = []
        for group in groups.values():
            group.sort(key=lambda pick: pick.exchange.duration_ms, reverse=True)
            limit = group[0].policy.options.samples_per_report
            kept += group[:limit]
            self.losses[Loss.SAMPLE_OVER_LIMIT] += max(0, len(group) - limit)
        return sorted(kept, key=lambda pick: ORDER.index(pick.reason))

    def _sample(self, pick: _Pick, redactor: Redactor | None, now_ms: int) -> Sample:
        entity = pick.here.entity
        return Sample(
            service=entity.service,
            instance=entity.instance,
            layer=entity.layer,
            trace_id=pick.context.trace_id,
            timestamp_ms=now_ms,
            body=_body(pick),
            events=tuple(self._events(pick, redactor)),
        )

    def _events(self, pick: _Pick, redactor: Redactor | None) -> Iterator[SpanEvent]:
        settings, exchange = pick.rule.settings, pick.exchange
        if settings.require_complete_request:
            limit = settings.max_request_size or None
            content = content_of(
                exchange.request, limit=limit, redactor=redactor, losses=self.losses
            )
            yield _message_event(pick, exchange.request, content, is_request=True)
            yield from _call_events(pick, is_request=True)
        if settings.require_complete_response:
            limit = settings.max_response_size or None
            content = content_of(
                exchange.response, limit=limit, redactor=redactor, losses=self.losses
            )
            yield _message_event(pick, exchange.response, content, is_request=False)
            yield from _call_events(pick, is_request=False)


def _own_context() -> TraceContext:
    """A sample without a context stands on its own, with ids of ours."""
    return TraceContext(Provider.ZIPKIN, secrets.token_hex(16), "", secrets.token_hex(8))


def _role(pick: _Pick) -> str:
    return "server" if pick.exchange.key.role is Role.SERVER else "client"


def _body(pick: _Pick) -> dict[str, object]:
    """The JSON of the log, its keys as contract 2.6 has them."""
    here = _end(Peer(process_id=pick.here.process_id))
    there = _end(pick.peer)
    is_server = pick.exchange.key.role is Role.SERVER
    return {
        "uri": pick.path,
        "reason": pick.reason.value,
        "latency": pick.exchange.duration_ms,
        "trace_provider": pick.context.provider.value,
        "client_process": there if is_server else here,
        "server_process": here if is_server else there,
        "detect_point": _role(pick),
        "component": "http",
        "ssl": pick.exchange.key.tls,
        "status": pick.exchange.status,
    }


def _end(peer: Peer) -> dict[str, object]:
    return {"process_id": peer.process_id, "local": peer.is_local, "address": peer.address}


def _message_event(
    pick: _Pick, recording: Recording, content: Content, *, is_request: bool
) -> SpanEvent:
    is_inbound = is_request == (pick.exchange.key.role is Role.SERVER)
    kind = "request" if is_request else "response"
    tags = [
        ("data_size", size.text(recording.size)),
        ("data_content", content.text),
        ("data_direction", "inbound" if is_inbound else "outbound"),
        ("data_type", kind),
        ("connection_role", _role(pick)),
        *_where(pick),
    ]
    if content.raw is not None:
        tags.append(("data_raw", content.raw))
    if content.missing:
        tags.append(("data_missing", str(content.missing)))
    if content.is_withheld:
        tags.append(("data_withheld", "true"))
    name = f"HTTP {kind.capitalize()} Sampling"
    return _event(pick, name, recording.start_ns, recording.end_ns, tags)


def _call_events(pick: _Pick, *, is_request: bool) -> Iterator[SpanEvent]:
    for call in pick.exchange.calls:
        if call.is_request is is_request:
            tags = [("package_size", size.text(call.bytes))]
            if call.segments:
                tags.append(("package_count", str(call.segments)))
            tags += [*_device(pick), *_where(pick)]
            if call.rtt_us:
                tags.append(("avg_rtt_time", f"{call.rtt_us * 1000}ns"))
            yield _event(pick, f"Syscall {call.name}", call.start_ns, call.end_ns, tags)


def _device(pick: _Pick) -> list[tuple[str, str]]:
    device = pick.exchange.device
    if device is None:
        return []
    return [("network_name", device.name), ("network_index", str(device.index))]


def _where(pick: _Pick) -> list[tuple[str, str]]:
    entity = pick.here.entity
    return [
        ("service_name", entity.service),
        ("service_instance_name", entity.instance),
        ("process_name", entity.process),
    ]


def _event(
    pick: _Pick, name: str, start_ns: int, end_ns: int, tags: Sequence[tuple[str, str]]
) -> SpanEvent:
    return SpanEvent(
        trace_id=pick.context.trace_id,
        segment_id=pick.context.segment_id,
        span_id=pick.context.span_id,
        name=name,
        start_ns=start_ns,
        end_ns=end_ns,
        tags=tuple(tags),
        is_zipkin=pick.context.provider is Provider.ZIPKIN,
    )
