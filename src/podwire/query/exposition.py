"""
The backend's own counts as Prometheus reads them.

In: numbers by name, of each station.  Out: text in the exposition format 0.0.4. A name that ends
with `_total` only grows, others are what is now. A total of what was
refused, lost or failed carries its reason as a label: `podwire_receiver_meter_refused_total{reason=
"time"}`.
"""

import re
from collections.abc import Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

REASONED = re.compile(r"(?P<what>(?:\w+_)?(?:refused|lost|failed))_(?P<reason>\w+)_total")

Numbers = Mapping[str, float]


def exposition(stations: Mapping[str, Numbers]) -> str:
    r"""
    The text; names come sorted.

    >>> print(exposition({"storage": {"lost_buffer_full_total": 3}}), end="")
    # HELP podwire_storage_lost_total Total of storage since start.
    # TYPE podwire_storage_lost_total counter
    podwire_storage_lost_total{reason="buffer_full"} 3
    """
    families: dict[tuple[str, str], list[str]] = {}
    for station, totals in stations.items():
        for total, value in sorted(totals.items()):
            name, labels = _named(station, total)
            families.setdefault((name, station), []).append(f"{name}{labels} {_number(value)}")
    return "".join(
        _head(name, station) + "".join(f"{line}\n" for line in lines)
        for (name, station), lines in sorted(families.items())
    )


def _head(name: str, station: str) -> str:
    if name.endswith("_total"):
        return f"# HELP {name} Total of {station} since start.\n# TYPE {name} counter\n"
    return f"# HELP {name} What {station} has now.\n# TYPE {name} gauge\n"


def _named(station: str, total: str) -> tuple[str, str]:
    match = REASONED.fullmatch(total)
    if match:
        return f"podwire_{station}_{match['what']}_total", f'{{reason="{match["reason"]}"}}'
    return f"podwire_{station}_{total}", ""


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
