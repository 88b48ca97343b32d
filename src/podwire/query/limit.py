"""
How deep a question may go.

In: a parsed document.  Out: an error for a selection deeper than the schema could mean.
"""

from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)

MAX_DEPTH = 20
MAX_FIELDS = 5000


class DepthLimit(ValidationRule):
    """Counts levels and fields of each operation, through fragments; introspection included."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._fragments = {
            node.name.value: node
            for node in context.document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._fields = 0

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        """Refuse an operation that is too deep or too wide."""
        if self._is_too_much(node.selection_set, 1):
            message = (
                f"the query is deeper than {MAX_DEPTH} levels or asks more than {MAX_FIELDS} fields"
            )
            self.report_error(GraphQLError(message, node))

    def _is_too_much(self, selections: SelectionSetNode | None, depth: int) -> bool:
        if selections is None:
            return False
        if depth > MAX_DEPTH:
            return True
        return any(self._is_deeper(each, depth) for each in selections.selections)

    def _is_deeper(self, node: Node, depth: int) -> bool:
        self._fields += isinstance(node, FieldNode)
        if self._fields > MAX_FIELDS:
            return True
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments.get(node.name.value)
            return fragment is not None and self._is_too_much(fragment.selection_set, depth + 1)
        return self._is_too_much(getattr(node, "selection_set", None), depth + 1)


depth_limit = DepthLimit
