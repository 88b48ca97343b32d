"""
A monitored program that the real SkyWalking agent instruments: it asks what standard input says.

It reads the backend's gRPC address, then URLs, one a line; each is answered with the status it got.
"""

import sys
import urllib.error
import urllib.request

from skywalking import agent, config


def main() -> None:
    config.init(
        agent_collector_backend_services=sys.stdin.readline().strip(),
        agent_protocol="grpc",
        agent_name="caller",
        agent_instance_name="caller-0",
        agent_logging_level="ERROR",
    )
    agent.start()
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            with urllib.request.urlopen(line.strip()) as answer:  # noqa: S310
                answer.read()
                print(answer.status, flush=True)
        except urllib.error.HTTPError as error:
            error.read()
            print(error.code, flush=True)


if __name__ == "__main__":
    main()
