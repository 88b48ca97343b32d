"""
One per node: runs the backend's tasks on this host's processes.

In: `discovery` (who runs here), `capture` (what they said).  Out: `wire`, every two seconds.
"""
