"""
Sampled requests: which exchanges the rules of a task pick, and what leaves the node of them.

In: `model.Exchange` as the kernel recorded it.  Out: logs and span-attached events on the wire,
with secrets masked before anything is sent.
"""
