"""
Process to container to pod to service: which processes run here and what they are called.

In: /proc and the operator's rules.  Out: `model.Process` values for the agent.
"""
