"""
The meter analysis language: rule text becomes plans, meters become mergeable partials.

In: `model.Collection`.  Out: `model.Partial` and `model.Relation` for storage.
"""

from podwire.mal.analyzer import Analysis, Analyzer
from podwire.mal.errors import RuleError
from podwire.mal.names import PeerNames
from podwire.mal.rules import Rule, RuleFile, load
from podwire.mal.switch import Switching

__all__ = [
    "Analysis",
    "Analyzer",
    "PeerNames",
    "Rule",
    "RuleError",
    "RuleFile",
    "Switching",
    "load",
]
