"""
What a metric is of: a service, an instance, an endpoint, a process, or an edge between two.

In: a scope call of a rule, and the labels of one sample.  Out: a `Subject` with the id that storage
keeps it by, or a `SampleError`.  Pure: asked once a label set.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from podwire.mal.closure.java import parse_int
from podwire.mal.errors import NOWHERE, SampleError, Span
from podwire.mal.labels import Labels
from podwire.mal.layers import UNDEFINED
from podwire.mal.text import syntax
from podwire.model import identity
from podwire.model.metric import Scope, Side

SERVICE_LIMIT, INSTANCE_LIMIT, ENDPOINT_LIMIT = 70, 70, 150
"""Characters of a name; the rest is cut, as SkyWalking does, except at the ends of an edge."""

UNCUT_LIMIT = 1_024
"""Characters of a name that SkyWalking would not cut."""


@dataclass(frozen=True, slots=True)
class Part:
    """A name made of labels: those that are not empty, with a delimiter between."""

    keys: tuple[str, ...]
    delimiter: str = "."

    def text(self, values: Mapping[str, str]) -> str:
        """
        The name.

        >>> Part(("a", "b", "c"), "::").text({"a": "x", "c": "z"})
        'x::z'
        """
        return self.delimiter.join(value for key in self.keys if (value := values.get(key)))


NO_PART = Part(())


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeCall:
    """A scope method's arguments: where each field of the subject comes from."""

    scope: Scope
    service: Part = NO_PART
    instance: Part = NO_PART
    endpoint: Part = NO_PART
    process: Part = NO_PART
    target_service: Part = NO_PART
    target_instance: Part = NO_PART
    source: str = ""
    """Of process relations: the label with the id at the client's end."""

    target: str = ""
    side: str = ""
    """Of process relations: the label that says who counted."""

    detect_point: str = ""
    component: str = ""
    layer: str = ""
    layer_key: str = ""
    properties: syntax.Closure | None = None
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that say what a sample belongs to, each once; the others are its own."""
        parts = (
            *self.service.keys,
            *self.instance.keys,
            *self.endpoint.keys,
            *self.process.keys,
            *self.target_service.keys,
            *self.target_instance.keys,
        )
        singles = (self.side, self.source, self.target, self.component, self.layer_key)
        return tuple(dict.fromkeys((*parts, *(key for key in singles if key))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What samples are about; None is what this scope does not have."""

    scope: Scope
    service: str | None = None
    instance: str | None = None
    endpoint: str | None = None
    process: str | None = None
    target_service: str | None = None
    target_instance: str | None = None
    source: str | None = None
    """Process id at the client's end."""

    target: str | None = None
    detect_point: str | None = None
    component: int | None = None
    layer: str | None = None
    attributes: Labels = ()
    properties: Labels = field(default=(), compare=False)

    @property
    def side(self) -> Side:
        """Which end counted; a proxy is neither."""
        return SIDES.get(self.detect_point or "", Side.NONE)

    @property
    def service_id(self) -> str:
        return identity.service_id(self.service or "")

    @property
    def instance_id(self) -> str:
        """Of the instance, or of the instance that reported an edge."""
        return identity.instance_id(self.service_id, self.instance or "")

    @property
    def entity(self) -> str:
        """The id that storage keeps the metric by (contract 4.6)."""
        return ENTITIES[self.scope](self)


SIDES = {"CLIENT": Side.CLIENT, "SERVER": Side.SERVER}


def _service_target(subject: Subject) -> str:
    return identity.service_id(subject.target_service or "")


ENTITIES: Mapping[Scope, Callable[[Subject], str]] = {
    Scope.SERVICE: lambda s: s.service_id,
    Scope.SERVICE_INSTANCE: lambda s: s.instance_id,
    Scope.ENDPOINT: lambda s: identity.endpoint_id(s.service_id, s.endpoint or ""),
    Scope.PROCESS: lambda s: identity.process_id(s.instance_id, s.process or ""),
    Scope.SERVICE_RELATION: lambda s: identity.relation_id(s.service_id, _service_target(s)),
    Scope.SERVICE_INSTANCE_RELATION: lambda s: identity.relation_id(
        s.instance_id, identity.instance_id(_service_target(s), s.target_instance or "")
    ),
    Scope.PROCESS_RELATION: lambda s: identity.relation_id(s.source or "", s.target or ""),
}


@dataclass(frozen=True, slots=True)
class Namer:
    """Cuts names and counts what it cut; knows the layers there are."""

    losses: Counter[str]
    layers: frozenset[str]

    def cut(self, name: str, limit: int) -> str:
        if len(name) > limit:
            self.losses["name_cut"] += 1
        return name[:limit]

    def layer(self, name: str) -> str:
        return name if name in self.layers else UNDEFINED


def subject_of(call: ScopeCall, labels: Labels, namer: Namer) -> Subject:
    """What a sample with these labels is about. Raises `SampleError`."""
    values = dict(labels)
    if call.scope is Scope.PROCESS_RELATION:
        return _process_relation(call, values, namer)
    is_relation = call.scope in (Scope.SERVICE_RELATION, Scope.SERVICE_INSTANCE_RELATION)
    return Subject(
        scope=call.scope,
        service=_name(call.service, values, SERVICE_LIMIT, namer),
        instance=_name(call.instance, values, INSTANCE_LIMIT, namer),
        endpoint=_name(call.endpoint, values, ENDPOINT_LIMIT, namer),
        process=_name(call.process, values, UNCUT_LIMIT, namer),
        target_service=_name(call.target_service, values, SERVICE_LIMIT, namer),
        target_instance=_name(call.target_instance, values, INSTANCE_LIMIT, namer),
        detect_point=call.detect_point or None,
        component=_component_or_zero(values.get(call.component, "")) if is_relation else None,
        layer=namer.layer(values.get(call.layer_key, "") if call.layer_key else call.layer),
    )


def _name(part: Part, values: Mapping[str, str], limit: int, namer: Namer) -> str | None:
    return namer.cut(part.text(values), limit) if part.keys else None


def _process_relation(call: ScopeCall, values: Mapping[str, str], namer: Namer) -> Subject:
    is_server = values.get(call.side, "").lower() == "server"
    try:
        component = parse_int(values.get(call.component, ""))
    except ValueError as error:
        raise SampleError(f"component {call.component!r}: {error}", call.span) from None
    return Subject(
        scope=call.scope,
        service=_name(call.service, values, UNCUT_LIMIT, namer),
        instance=_name(call.instance, values, UNCUT_LIMIT, namer),
        source=namer.cut(values.get(call.source, ""), UNCUT_LIMIT),
        target=namer.cut(values.get(call.target, ""), UNCUT_LIMIT),
        detect_point="SERVER" if is_server else "CLIENT",
        component=component,
    )


def _component_or_zero(text: str) -> int:
    try:
        return parse_int(text)
    except ValueError:
        return 0
