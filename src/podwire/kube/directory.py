"""
Who is behind an address, for the backend: pods, services and nodes of the whole cluster.

In: the tables' changes.  Out: names as SkyWalking writes them (`mal.names.PeerNames`), a pod's
service, and all else that is known of a peer. A pod on its node's own network never names that
address: it is the node's.
"""

import ipaddress
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TypeVar

from podwire.kube.table import Table
from podwire.model.cluster import Node, Pod, Service, Slice, service_name

LINGER_S = 60.0
"""How long an address keeps the name of a pod that is gone: what it said last arrives after it."""

Facts = tuple[tuple[str, str], ...]


class Directory:
    """Names for addresses; satisfies `mal.names.PeerNames`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pods: dict[str, Pod | tuple[Pod, ...]] = {}
        self._gone: dict[str, tuple[float, Pod]] = {}
        self._ends: deque[tuple[float, str]] = deque()
        self._virtual: dict[str, Service] = {}
        self._nodes: dict[str, Node] = {}
        self._outside: dict[str, Slice] = {}
        self._services: dict[str, dict[str, Service]] = defaultdict(dict)
        self._by_name: dict[str, dict[str, Pod]] = defaultdict(dict)
        self._epoch = 0
        self.pods = Table[Pod](self._pod_changed)
        self.services = Table[Service](self._service_changed)
        self.nodes = Table[Node](self._node_changed)
        self.slices = Table[Slice](self._slice_changed)

    @property
    def epoch(self) -> int:
        """Grows whenever an address may be called otherwise than before."""
        self._forget_gone()
        return self._epoch

    def name_of(self, address: str) -> str | None:
        """`<pod>.<namespace>`, else `<service>.<namespace>` of a service's own address."""
        address = plain(address)
        found = self._pod_at(address) or self._virtual.get(address)
        return f"{found.name}.{found.namespace}" if found else None

    def facts_of(self, address: str) -> Facts:
        """What is known of a peer, in words; nothing for an address outside the cluster."""
        address = plain(address)
        if pod := self._pod_at(address):
            return self._pod_facts(pod)
        if service := self._virtual.get(address):
            return (("peer", "service"), ("service", f"{service.name}.{service.namespace}"))
        if node := self._nodes.get(address):
            return (("peer", "node"), ("node", node.name))
        if outside := self._outside.get(address):
            return (("peer", "endpoint"), ("service", f"{outside.service}.{outside.namespace}"))
        return ()

    def service_of(self, pod: str, namespace: str) -> str | None:
        """`<service>.<namespace>` of the first service, by name, that selects a pod."""
        found = self._by_name.get(namespace, {}).get(pod)
        if found is None:
            return None
        services = sorted(self._selecting(namespace), key=lambda service: service.name)
        labels = set(found.labels)
        first = next((each for each in services if each.selector <= labels), None)
        return f"{first.name}.{namespace}" if first else None

    def _selecting(self, namespace: str) -> list[Service]:
        return list(self._services.get(namespace, {}).values())

    def _pod_facts(self, pod: Pod) -> Facts:
        service = service_name(pod, self._selecting(pod.namespace))
        facts = [("peer", "pod"), ("pod", pod.name), ("namespace", pod.namespace)]
        if pod.workload:
            facts.append(("workload", f"{pod.workload.kind}/{pod.workload.name}"))
        if service:
            facts.append(("service", f"{service}.{pod.namespace}"))
        return (*facts, ("node", pod.node))

    def _pod_at(self, address: str) -> Pod | None:
        found = self._pods.get(address)
        if isinstance(found, tuple):
            return max(found, key=lambda pod: (pod.started, pod.uid))
        if found is not None:
            return found
        until_s, last = self._gone.get(address, (0.0, None))
        return last if until_s > self._clock() else None

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        before, after = _named(old), _named(new)
        for address in dict.fromkeys((*before, *after)):
            self._exchange(address, old, new if address in after else None)
        if old:
            for address in set(before) - set(after):
                self._linger(address, old)
        self._note_name(old, new)
        self._epoch += before != after or (old and old.labels) != (new and new.labels)

    def _note_name(self, old: Pod | None, new: Pod | None) -> None:
        if new:
            self._by_name[new.namespace][new.name] = new
        elif old and self._by_name[old.namespace].get(old.name) == old:
            del self._by_name[old.namespace][old.name]

    def _exchange(self, address: str, old: Pod | None, new: Pod | None) -> None:
        """In one step: whoever asks from another thread never finds nobody in between."""
        known = self._pods.get(address, ())
        several = known if isinstance(known, tuple) else (known,)
        rest = [each for each in several if old is None or each.uid != old.uid]
        rest += [new] if new else []
        if rest:
            self._pods[address] = tuple(rest) if len(rest) > 1 else rest[0]
        else:
            self._pods.pop(address, None)

    def _linger(self, address: str, pod: Pod) -> None:
        until_s = self._clock() + LINGER_S
        self._gone[address] = (until_s, pod)
        self._ends.append((until_s, address))

    def _forget_gone(self) -> None:
        now_s = self._clock()
        while self._ends and self._ends[0][0] <= now_s:
            until_s, address = self._ends.popleft()
            if self._gone.get(address, (0.0, None))[0] == until_s:
                del self._gone[address]
                self._epoch += address not in self._pods

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        self._epoch += _exchange(self._virtual, old, new)
        self._epoch += (old and old.selector) != (new and new.selector)
        if old:
            self._services[old.namespace].pop(old.uid, None)
        if new and new.selector:
            self._services[new.namespace][new.uid] = new

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        _exchange(self._nodes, old, new)

    def _slice_changed(self, old: Slice | None, new: Slice | None) -> None:
        _exchange(self._outside, old, new)


def plain(address: str) -> str:
    """
    An address as the API writes it.

    >>> plain("::ffff:10.1.2.3"), plain("fd00:0:0::7"), plain("10.1.2.3"), plain("")
    ('10.1.2.3', 'fd00::7', '10.1.2.3', '')
    """
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(found.ipv4_mapped or found)


def _named(pod: Pod | None) -> tuple[str, ...]:
    """The addresses that are this pod's own, now."""
    if pod is None or pod.on_host_network or pod.has_ended:
        return ()
    return tuple(map(plain, pod.addresses))


Owner = TypeVar("Owner", Service, Node, Slice)


def _exchange(index: dict[str, Owner], old: Owner | None, new: Owner | None) -> bool:
    """Put the new owner's addresses in place of the old one's; whether they differ."""
    before = tuple(map(plain, old.addresses)) if old else ()
    after = tuple(map(plain, new.addresses)) if new else ()
    for address in before:
        if old and address in index and index[address].uid == old.uid:
            del index[address]
    for address in after:
        if new:
            index[address] = new
    return before != after
