"""
A small real shop in network namespaces of its own, and the check of our numbers against its books.

In: `podwire demo`.  Out: traffic to watch, and a verdict.
"""
