"""
GraphQL on port 12800, schema first, with MQE for metrics.

In: `POST /graphql`.  Out: what storage holds, in SkyWalking's shapes.
"""

from podwire.query.application import application

__all__ = ["application"]
