"""
Which executables speak TLS, and where their plaintext can be read.

In: a process.  Out: `Binary` values: the places for probes, or why there are none.
"""

from podwire.capture.tls.finder import Finder
from podwire.capture.tls.point import Binary, Call, Family, Point

__all__ = ["Binary", "Call", "Family", "Finder", "Point"]
