"""
One file per gRPC service: admits, answers, counts what it refuses.

In: `wire` messages on port 11800.  Out: `mal` for meters, `storage` for everything else.
"""
