"""
The addresses of this machine, whatever network namespace we run in.

In: the tables of a process, as /proc/1/net of the host's first.  Out: IP addresses. So an agent in
a pod knows its node's addresses without being on the node's network.
"""

import re
from ipaddress import IPv6Address
from pathlib import Path

LOCAL = re.compile(r"\|-- (\S+)\n(?: +/\d+ .*\n)*? +/32 host LOCAL")


def host_addresses(tables: Path) -> set[str]:
    """Every IP address of a process's network; empty when its tables cannot be read."""
    return {*LOCAL.findall(_text(tables / "fib_trie")), *_v6(_text(tables / "if_inet6"))}


def _v6(text: str) -> set[str]:
    r"""
    The addresses of /proc/net/if_inet6.

    >>> _v6("fe80000000000000fc00000000000001 02 40 20 80 eth0\n")
    {'fe80::fc00:0:0:1'}
    """
    digits = (line.split()[0] for line in text.splitlines() if line)
    return {str(IPv6Address(bytes.fromhex(each))) for each in digits}


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
