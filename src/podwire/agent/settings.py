"""What an operator can set of the agent."""

from dataclasses import dataclass, field
from pathlib import Path

from podwire.agent.sample.redact import RedactionSettings
from podwire.discovery.analyzer import DEFAULTS, Analyzer
from podwire.discovery.host import HostRule


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """Measure the pods of a node, and name their processes by what the API server says."""

    node: str
    """The node's name, as the API knows it; in a pod from `spec.nodeName`."""

    kubeconfig: Path | None = None
    """How to reach the API server from outside a pod."""

    host_ip: str = ""
    """The node's address, which processes are reported with; in a pod from `status.hostIP`."""

    cluster: str = ""
    """When not empty, services are called `CLUSTER::SERVICE`."""

    analyzers: tuple[Analyzer, ...] = field(default=DEFAULTS)
    """How processes are named; SkyWalking's names when not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Every value has a default; a configuration file and options replace them."""

    backend: str = "localhost:11800"
    """HOST:PORT of the backend's gRPC server."""

    token: str = ""
    """Sent as `authentication` metadata with every call when not empty."""

    hosts: tuple[HostRule, ...] = field(default=())
    """Which processes of this host are known, and as what."""

    kubernetes: KubernetesSettings | None = None
    """Kubernetes mode, instead of `hosts`."""

    scan_interval_s: float = 2.0
    """Seconds between looks at /proc. Shorter sees new processes sooner."""

    heartbeat_interval_s: float = 20.0
    """Seconds between heartbeats of known processes."""

    poll_interval_s: float = 2.0
    """Seconds between questions for tasks."""

    report_interval_s: float = 2.0
    """Seconds between drains of the kernel's counters."""

    outbox_limit: int = 1500
    """Collections held while the backend is away; beyond it the oldest are dropped and counted."""

    sample_limit: int = 500
    """Sampled requests held while the backend is away; beyond it the oldest are dropped."""

    memory_limit_mb: int = 200
    """Memory of the agent's process; above it what waits is dropped, then sampling pauses."""

    redaction: RedactionSettings = field(default_factory=RedactionSettings)
    """What is masked in sampled requests before they leave the node."""
