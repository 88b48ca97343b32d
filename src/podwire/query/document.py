"""
Questions that were looked at already.

In: the text of a question.  Out: its document, or what is wrong with it. Pages and programs ask the
same texts with other variables again and again: reading and judging one takes longer than most
answers.
"""

from collections import OrderedDict
from collections.abc import Sequence

from graphql import DocumentNode, GraphQLError, GraphQLSchema, validate

from podwire.query import limit

MOST_KEPT = 256
MOST_CHARACTERS = 32_768
"""Of a text that is kept; a longer one is read anew each time."""


class Documents:
    """Keeps the documents asked for last."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._kept: OrderedDict[str, DocumentNode] = OrderedDict()

    def read(self, text: str) -> DocumentNode | Sequence[GraphQLError]:
        """A document that can be executed, or why there is none."""
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
            return known
        found = self._judged(text)
        if isinstance(found, DocumentNode) and len(text) <= MOST_CHARACTERS:
            self._kept[text] = found
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return found

    def _judged(self, text: str) -> DocumentNode | Sequence[GraphQLError]:
        try:
            document = limit.read(text)
        except limit.TooMuch as error:
            return [GraphQLError(str(error))]
        except GraphQLError as error:
            return [error]
        return validate(self._schema, document, max_errors=5) or document
