"""
Who answers what: one module for each kind of question, its resolvers three lines where that does.

In: a question's arguments and the request's context.  Out: SkyWalking's shapes.
"""
