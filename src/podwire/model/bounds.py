"""
Lower bounds of the wire's histogram buckets (contract 2.4).

A value belongs to the last bucket whose bound is not above it; a value below every bound belongs
to the first. `bpf/bounds.h` holds the same tables and a test compares them.
"""

L4_NS = (
    0, 10_000, 50_000, 100_000, 500_000, 1_000_000, 1_200_000, 1_500_000, 1_700_000, 2_000_000,
    2_500_000, 3_000_000, 5_000_000, 7_000_000, 10_000_000, 13_000_000, 16_000_000, 20_000_000,
    25_000_000, 30_000_000, 35_000_000, 40_000_000, 45_000_000, 50_000_000, 70_000_000,
    100_000_000, 150_000_000, 200_000_000, 300_000_000, 500_000_000, 1_000_000_000,
    2_000_000_000, 3_000_000_000, 5_000_000_000,
)  # fmt: skip
"""Execution times of socket operations, in nanoseconds (34)."""

L4_US = tuple(bound // 1000 for bound in L4_NS)
"""Round-trip times, in microseconds (34)."""

HTTP_BYTES = (
    256, 512, 1048, 1536, 2048, 3072, 5120, 8192, 10240, 15360, 20480, 35840, 51200, 76800,
    102400, 204800, 512000, 819200, 1048576, 1572864, 2097152, 5242880, 10485760, 20971520,
    52428800,
)  # fmt: skip
"""Sizes of HTTP messages, in bytes (25); 1048 is the wire's own spelling."""

HTTP_MS = (
    1, 2, 5, 10, 15, 20, 25, 30, 40, 45, 50, 60, 65, 70, 80, 90, 100, 110, 130, 150, 170, 200, 230,
    260, 290, 330, 380, 430, 480, 500, 600, 700, 800, 900, 1000, 1100, 1300, 1500, 1800, 2000,
    5000, 10000, 15000, 20000, 30000,
)  # fmt: skip
"""Durations of HTTP exchanges, in milliseconds (45)."""
