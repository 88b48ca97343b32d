"""Ids by the protocol's formulas, written out once more (contract 4.6)."""

import hashlib
from base64 import b64encode


def service_id(name: str) -> str:
    return f"{b64encode(name.encode()).decode()}.1"


def instance_id(service: str, name: str) -> str:
    return f"{service_id(service)}_{b64encode(name.encode()).decode()}"


def process_id(instance: str, name: str) -> str:
    return hashlib.sha256(f"{name}_{instance}".encode()).hexdigest()
