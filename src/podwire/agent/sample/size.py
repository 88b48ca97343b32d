"""Sizes as the wire writes them."""

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def text(size: int) -> str:
    """
    Four digits that matter and a unit of 1024 (contract 2.7).

    >>> [text(size) for size in (157, 1046, 1_048_576, 20_480)]
    ['157B', '1.021KiB', '1MiB', '20KiB']
    """
    scaled, unit = float(size), 0
    while scaled >= 1024 and unit < len(UNITS) - 1:
        scaled /= 1024
        unit += 1
    return f"{scaled:.4g}{UNITS[unit]}"
