"""
What a pod's process reports as: every analyzer whose conditions hold gives one entity.

In: a subject.  Out: `model.Entity` values. The defaults give SkyWalking's names (contract 1.4).
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from podwire.discovery.template import Condition, NotYet, Subject, Template, condition, template
from podwire.model.process import Entity

CANONICAL = "{pod.label service.istio.io/canonical-name app.kubernetes.io/name app}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyzer:
    """One way to name processes."""

    layer: str
    """One of SkyWalking's layers; the backend refuses others."""

    service: Template
    instance: Template = template("{pod.name}")
    process: Template = template("{process.name}")
    labels: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    """All must hold; without any, every process of every pod is meant."""


DEFAULTS = (
    Analyzer(
        layer="MESH_DP",
        service=template(CANONICAL + ".{pod.namespace}"),
        labels=("mesh-envoy",),
        when=(condition("pod.container istio-proxy"), condition("container.name == istio-proxy")),
    ),
    Analyzer(
        layer="MESH",
        service=template(CANONICAL + ".{pod.namespace}"),
        labels=("mesh-application",),
        when=(condition("pod.container istio-proxy"), condition("container.name != istio-proxy")),
    ),
    Analyzer(
        layer="K8S_SERVICE",
        service=template("{pod.service}.{pod.namespace}"),
        labels=("k8s-service",),
        when=(condition("pod.service"),),
    ),
)
"""Istio's proxy, what it stands before, and what a service selects."""


def entities(subject: Subject, analyzers: Iterable[Analyzer]) -> tuple[Entity, ...]:
    """Ask every analyzer; one that cannot tell yet holds up no other."""
    found: dict[Entity, None] = {}
    for analyzer in analyzers:
        with contextlib.suppress(NotYet):
            found |= dict.fromkeys(_entity(subject, analyzer))
    return tuple(found)


def _entity(subject: Subject, analyzer: Analyzer) -> Iterator[Entity]:
    if all(each.holds(subject) for each in analyzer.when):
        service = analyzer.service.render(subject)
        is_qualified = not subject.cluster or "::" in service
        yield Entity(
            layer=analyzer.layer,
            service=service if is_qualified else f"{subject.cluster}::{service}",
            instance=analyzer.instance.render(subject),
            process=analyzer.process.render(subject),
            labels=analyzer.labels,
        )
