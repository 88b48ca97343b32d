"""Names where there is no cluster to ask."""


class NoCluster:
    """Outside a cluster every address and pod is unknown; satisfies `mal.names.PeerNames`."""

    epoch = 0
    """Nothing ever changes."""

    def name_of(self, address: str) -> str | None:
        """None, whatever the address."""
        del address
        return None

    def facts_of(self, address: str) -> tuple[tuple[str, str], ...]:
        """Nothing, whatever the address."""
        del address
        return ()

    def service_of(self, pod: str, namespace: str) -> str | None:
        """None, whatever the pod."""
        del pod, namespace
        return None
