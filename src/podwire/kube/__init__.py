"""
What the API server knows.

In: nothing yet outside a cluster.  Out: names for addresses, asked by `mal`.
"""
