"""Scope methods: the samples as they are now are what the rule's metric is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from podwire.mal.closure import run
from podwire.mal.errors import RuleError
from podwire.mal.family import Family
from podwire.mal.labels import Labels, project
from podwire.mal.step.relabel import closure_of
from podwire.mal.step.world import Batch, Step, Transform, World
from podwire.mal.subject import Part, ScopeCall, Subject, subject_of
from podwire.mal.text import syntax
from podwire.model.metric import Scope

SCOPES: Mapping[str, Scope] = {
    "service": Scope.SERVICE,
    "instance": Scope.SERVICE_INSTANCE,
    "endpoint": Scope.ENDPOINT,
    "process": Scope.PROCESS,
    "serviceRelation": Scope.SERVICE_RELATION,
    "serviceInstanceRelation": Scope.SERVICE_INSTANCE_RELATION,
    "processRelation": Scope.PROCESS_RELATION,
}


@dataclass(frozen=True, slots=True)
class Scoped:
    """What a scope call found, kept beside whatever the expression goes on to do."""

    call: ScopeCall
    family: Family
    decorations: tuple[syntax.Closure, ...] = ()


def plan_scope(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """The family stays as it is; a later scope call replaces an earlier one."""
    del world, steps
    scope = scope_of(call)

    def remember(before: Family, _batch: Batch) -> Family:
        plain = replace(before, about=replace(before.about, scoped=None))
        return replace(before, about=replace(before.about, scoped=Scoped(scope, plain)))

    return remember


def plan_decorate(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """A closure gives attributes to the services of the scope call before."""
    del world, steps
    body = closure_of(call, 0)

    def decorate(before: Family, _batch: Batch) -> Family:
        scoped = before.about.scoped
        if not isinstance(scoped, Scoped):
            return before
        more = replace(scoped, decorations=(*scoped.decorations, body))
        return replace(before, about=replace(before.about, scoped=more))

    return decorate


def describe(
    call: ScopeCall, decorations: tuple[syntax.Closure, ...], labels: Labels, world: World
) -> Subject:
    """What a sample with these labels is about, with everything rules say of it."""
    subject = subject_of(call, project(call.labels, labels), world.namer)
    for each in decorations:
        given = run.decorate(each, world.processes, subject.service or "", subject.layer or "")
        subject = replace(
            subject, attributes=tuple((dict(subject.attributes) | dict(given)).items())
        )
    return subject


def subjects(scoped: Scoped, world: World) -> Iterator[tuple[int, Subject]]:
    """Every subject once with its first sample's place, in the order they come."""
    seen: set[Subject] = set()
    closure = scoped.call.properties
    for at, identity in enumerate(scoped.family.ids.tolist()):
        labels = world.table[identity]
        subject = describe(scoped.call, scoped.decorations, labels, world)
        if subject not in seen:
            seen.add(subject)
            if closure is not None:
                found = run.properties(closure, world.processes, labels)
                subject = replace(subject, properties=found)
            yield at, subject


# The arguments of each form.


def scope_of(call: syntax.Call) -> ScopeCall:
    """
    What a scope method's arguments say.

    >>> from podwire.mal.errors import Source
    >>> from podwire.mal.text.parser import parse_chain
    >>> call = scope_of(parse_chain(Source("endpoint(['s'], ['a', 'b'], '::', Layer.MESH)")))
    >>> call.endpoint, call.layer
    (Part(keys=('a', 'b'), delimiter='::'), 'MESH')
    """
    plain = [_plain(each) for each in call.arguments]
    scope = SCOPES[call.name]
    match call.name, plain:
        case "service", [keys, *delimiter, layer]:
            return ScopeCall(scope=scope, service=_part(keys, *delimiter), layer=layer)
        case "instance", [keys, instance, layer]:
            return ScopeCall(
                scope=scope, service=_part(keys), instance=_part(instance), layer=layer
            )
        case "instance", [keys, one, instance, other, layer, closure]:
            return ScopeCall(
                scope=scope,
                service=_part(keys, one),
                instance=_part(instance, other),
                layer=layer,
                properties=closure,
            )
        case "endpoint", [keys, endpoint, *delimiter, layer]:
            return ScopeCall(
                scope=scope,
                service=_part(keys, *delimiter),
                endpoint=_part(endpoint, *delimiter),
                layer=layer,
            )
        case "process", [keys, instance, process, layer_key]:
            return ScopeCall(
                scope=scope,
                service=_part(keys),
                instance=_part(instance),
                process=_part(process),
                layer_key=layer_key,
            )
        case _:
            return _relation(call, scope, plain)


def _relation(call: syntax.Call, scope: Scope, plain: list[Any]) -> ScopeCall:
    match call.name, plain:
        case "serviceRelation", [str(point), source, target, *rest]:
            delimiter, layer, component = _tail(rest)
            return ScopeCall(
                scope=scope,
                detect_point=point,
                service=_part(source, delimiter),
                target_service=_part(target, delimiter),
                layer=layer,
                component=component,
            )
        case "serviceInstanceRelation", [str(point), source, instance, target, other, *rest]:
            delimiter, layer, component = _tail(rest)
            return ScopeCall(
                scope=scope,
                detect_point=point,
                service=_part(source, delimiter),
                instance=_part(instance, delimiter),
                target_service=_part(target, delimiter),
                target_instance=_part(other, delimiter),
                layer=layer,
                component=component,
            )
        case "processRelation", [
            str(side),
            service,
            instance,
            str(source),
            str(target),
            str(component),
        ]:
            return ScopeCall(
                scope=scope,
                side=side,
                service=_part(service),
                instance=_part(instance),
                source=source,
                target=target,
                component=component,
                span=call.span,
            )
        case _:
            raise RuleError("not a scope", call.span)


def _tail(rest: list[Any]) -> tuple[object, str, str]:
    """What follows the labels of a relation: a layer, alone or with delimiter and component."""
    delimiter, layer, component = rest if len(rest) == 3 else (None, rest[0], "")
    return delimiter, str(layer), str(component or "")


def _part(keys: object, delimiter: object = None) -> Part:
    return Part(keys if isinstance(keys, tuple) else (), str(delimiter or "."))


def _plain(argument: syntax.Argument) -> Any:
    match argument:
        case syntax.Texts(items):
            return items
        case syntax.Text(value) | syntax.Enum(_, value):
            return value
        case syntax.Closure():
            return argument
        case _:
            return None
