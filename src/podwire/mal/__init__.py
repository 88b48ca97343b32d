"""
The meter analysis language: rule text becomes plans, meters become mergeable partials.

In: `model.Collection`.  Out: `model.Partial` and `model.Relation` for storage.
"""
