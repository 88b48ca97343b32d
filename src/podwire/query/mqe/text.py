"""Numbers as SkyWalking writes them: at most three decimals, half to even, no grouping."""

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

WIDE = Context(prec=400)


def number(value: float | None) -> str | None:
    """
    The text of a value; None stays None.

    >>> number(1 / 3), number(0.0015), number(1e20), number(-0.0004), number(math.inf)
    ('0.333', '0.002', '100000000000000000000', '-0', '∞')
    """
    if value is None:
        return None
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value and abs(value) < 2**53 and value.is_integer():
        return str(int(value))
    if abs(value) == 0.0005:  # a JDK 17 rounds it down, though its binary value is above the half
        value = math.copysign(0.0, value)
    rounded = Decimal(value).quantize(Decimal("0.001"), ROUND_HALF_EVEN, WIDE)
    text = f"{rounded:f}".rstrip("0").rstrip(".")
    return text or "0"
