"""
Rule text and trees, both ways.

In: an expression as a rule's author wrote it.  Out: a frozen tree with spans; printed, it reads the
same.
"""
