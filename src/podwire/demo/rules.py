"""
What the shop's pod is called, and how an agent on the host finds its processes.

In: a demo's name.  Out: a configuration for `podwire agent`.
"""

from typing import Any

SERVICE, INSTANCE, LAYER = "shop.demo", "shop-pod-0", "K8S_SERVICE"
GATEWAY, ORDERS, COURIER = "gateway", "orders", "courier"
MONITORED = (GATEWAY, ORDERS)
GUESTS = (COURIER,)
"""Measured when they come; nobody waits for them."""


def title(demo: str, program: str) -> str:
    """A word on a program's command line that no other process has."""
    return f"{demo}-{program}"


def configuration(demo: str) -> dict[str, Any]:
    """The file's content: one rule a monitored process."""
    hosts = [
        {
            "service": SERVICE,
            "instance": INSTANCE,
            "process": program,
            "layer": LAYER,
            "command_line": f"{title(demo, program)}$",
        }
        for program in (*MONITORED, *GUESTS)
    ]
    return {"agent": {"hosts": hosts}}
