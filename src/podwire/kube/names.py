"""Names for addresses where there is no cluster to ask."""


class NoCluster:
    """Outside a cluster every address is unknown; satisfies `mal.names.PeerNames`."""

    epoch = 0
    """Nothing ever changes."""

    def name_of(self, address: str) -> str | None:
        """None, whatever the address."""
        del address
        return None
