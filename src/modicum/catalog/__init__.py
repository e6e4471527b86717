"""What a model costs: prices with their source and day, and the cost of a call.

The operator's own prices come first, then the `genai-prices` package as it is installed. Nothing is ever fetched, and
nothing is imported from that package before the first price is asked for. What is not known is None, never zero.
"""

from modicum.catalog.cost import cost
from modicum.catalog.resolve import Catalogue

__all__ = ["Catalogue", "cost"]
