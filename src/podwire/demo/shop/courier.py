"""
Asks for orders again and again, traced by SkyWalking's own agent: slow, missing and broken ones.

`python -m podwire.demo.shop.courier JSON` with the keys backend, orders, pause_s, service.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from skywalking import agent, config

PATIENCE_S = 10.0
TARGETS = ("/orders/1/slow", "/lost/2", "/orders/3/broken", "/orders/4")


def ask(url: str) -> int:
    """The status of an answer that is read to its end; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - an address of the shop
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.read()
        return error.code
    except OSError:
        return 0


def main() -> None:
    """Ask until SIGTERM."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    config.init(
        agent_collector_backend_services=settings["backend"],
        agent_protocol="grpc",
        agent_name=settings["service"],
        agent_instance_name="courier-0",
        agent_logging_level="CRITICAL",
    )
    agent.start()
    print("ready", flush=True)
    address, port = settings["orders"]
    while True:
        for target in TARGETS:
            ask(f"http://{address}:{port}{target}")
            time.sleep(settings["pause_s"])


if __name__ == "__main__":
    main()
