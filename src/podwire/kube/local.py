"""
The pods of one node, for its agent: by container and by uid, with the service each reports as.

In: the tables' changes.  Out: what `discovery.kubernetes` asks for.
"""

import threading
from collections import defaultdict
from collections.abc import Callable

from podwire.kube.table import Table
from podwire.model.cluster import Container, Pod, Service, service_name


class NodePods:
    """Satisfies `discovery.kubernetes.Pods`; read from another thread than it is written from."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        """Called after every change; whoever names processes sets it."""

        self._containers: dict[str, tuple[Pod, Container]] = {}
        self._by_uid: dict[str, Pod] = {}
        self._services: dict[str, dict[str, Service]] = defaultdict(dict)
        self._lock = threading.Lock()
        self.epoch = 0
        self.pods = Table[Pod](self._pod_changed)
        self.services = Table[Service](self._service_changed)

    def container_or_none(self, container_id: str) -> tuple[Pod, Container] | None:
        """The container of an id, with its pod."""
        return self._containers.get(container_id)

    def pod_or_none(self, uid: str) -> Pod | None:
        """The pod of a uid."""
        return self._by_uid.get(uid)

    def service_of(self, pod: Pod) -> str:
        """The name of the service that a pod reports as; empty when none selects it."""
        with self._lock:
            services = list(self._services.get(pod.namespace, {}).values())
        return service_name(pod, services)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """What stays is never missing in between: another thread may look just then."""
        fresh = _by_container(new) if new else {}
        self._containers.update(fresh)
        for container in old.containers if old else ():
            if container.container_id not in fresh:
                self._containers.pop(container.container_id, None)
        if new:
            self._by_uid[new.uid] = new
        elif old:
            del self._by_uid[old.uid]
        self._tell()

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        with self._lock:
            if old:
                self._services[old.namespace].pop(old.uid, None)
            if new and new.selector:
                self._services[new.namespace][new.uid] = new
        if (old and old.selector) != (new and new.selector):
            self._tell()

    def _tell(self) -> None:
        self.epoch += 1
        self.changed()


def _by_container(pod: Pod) -> dict[str, tuple[Pod, Container]]:
    """A pod's containers that the runtime has made."""
    return {each.container_id: (pod, each) for each in pod.containers if each.container_id}
