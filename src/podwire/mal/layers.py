"""
Layers: what kind of thing a service is, by the names that rules and agents use.

In: a name.  Out: the layer, UNDEFINED when nobody defined it.  A rule file's `layerDefinitions` add
to these.
"""

import re
from dataclasses import dataclass

from podwire.model.layer import LAYERS

UNDEFINED = "UNDEFINED"

KNOWN = (
    *LAYERS,
    *("OS_WINDOWS", "VIRTUAL_GENAI", "ENVOY_AI_GATEWAY", "IOS", "WECHAT_MINI_PROGRAM"),
    *("ALIPAY_MINI_PROGRAM", "AIRFLOW"),
)
"""SkyWalking's, newer ones and another spelling of one last."""

NAME = re.compile(r"[A-Z][A-Z0-9_]*")

ORDINAL_MIN = 1_000
"""Lower ones are SkyWalking's own."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that a rule file defines."""

    name: str
    ordinal: int
    normal: bool = True
