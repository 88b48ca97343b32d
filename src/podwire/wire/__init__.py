"""
Model values and SkyWalking's messages, both ways, and the stubs generated from `proto/`.

In: messages of `skywalking.v3`.  Out: `model` values; nothing else here knows protobuf.
"""
