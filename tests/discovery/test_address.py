"""Whose address is the host's."""

import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from podwire.discovery.address import host_addresses

HOST, OWN = Path("/proc/1/net"), Path("/proc/self/net")
HOSTS = f"""
from pathlib import Path
from podwire.discovery.address import host_addresses
print(*host_addresses(Path("{HOST}")))
"""


def ours() -> set[str]:
    """What the system itself says of this namespace."""
    return {
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }


@pytest.mark.parametrize("tables", [HOST, OWN])
def test_the_host_s_addresses_are_those_the_system_tells(tables: Path) -> None:
    """Both families, loopback included."""
    assert ours() == host_addresses(tables)


@pytest.mark.root
def test_they_are_known_from_another_network_namespace() -> None:
    """An agent in a pod sees its node's addresses, not its own."""
    command = ("unshare", "--net", sys.executable, "-c", HOSTS)

    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert ours() == set(told.split())
