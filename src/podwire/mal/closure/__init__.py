"""
What rules do to one label set at a time: closures, checked once and run once a series.

In: a closure's tree.  Out: labels, a truth, properties or attributes; `SampleError` when it cannot.
"""
