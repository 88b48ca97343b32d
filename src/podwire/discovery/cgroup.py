"""
The container and the pod that a process's control group names.

In: the text of /proc/PID/cgroup, of v1, v2 or both.  Out: a `Place`, or None outside containers.
Runtimes spell a container in five ways and pods in two; a node that is itself a container (kind)
puts a whole path before it, and a container may hold groups of its own. So every segment counts,
and the innermost comes first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CONTAINER = re.compile(r"(?:(?:cri-containerd|crio|docker|libpod)-)?([0-9a-f]{64})(?:\.scope)?")
"""`<id>` under the cgroupfs driver and `<runtime>-<id>.scope` under systemd's; never conmon's."""

PREFIXED = re.compile(r".*:(?:cri-containerd|crio|docker|libpod):([0-9a-f]{64})")
"""`system.slice:docker:<id>`: what runc makes of a path meant for systemd when it has none."""

POD = re.compile(r"(?:.*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})(?:\.slice)?")
"""`pod<uid>`, or `kubepods-<class>-pod<uid>.slice` with the uid's dashes as underscores."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the groups of one process say."""

    container_ids: tuple[str, ...]
    """Candidates, innermost first: which of them is a pod's container, the API server knows."""

    pod_uid: str
    """Empty when the path holds none."""


def place_of(text: str) -> Place | None:
    r"""
    Where a process runs.

    >>> uid, cid = "0f8e7a1c-2b3d-4e5f-8a9b-0c1d2e3f4a5b", "ab" * 32
    >>> place = place_of(f"0::/kubepods/burstable/pod{uid}/{cid}\n")
    >>> place.container_ids == (cid,), place.pod_uid == uid
    (True, True)
    >>> place_of("0::/system.slice/ssh.service\n")
    """
    paths = [line.split(":", 2)[2] for line in text.splitlines() if line.count(":") >= 2]
    segments = [list(reversed(path.split("/"))) for path in dict.fromkeys(paths)]
    ids = [found for path in segments for found in _found(path, CONTAINER, PREFIXED)]
    if not ids:
        return None
    uids = [found.replace("_", "-") for path in segments for found in _found(path, POD)]
    return Place(tuple(dict.fromkeys(ids)), uids[0] if uids else "")


def _found(segments: list[str], *patterns: re.Pattern[str]) -> Iterator[str]:
    for segment in segments:
        for pattern in patterns:
            if match := pattern.fullmatch(segment):
                yield match[1]
