"""The heart: what is wanted, what is under way, and the answers that the API gives of both."""

from __future__ import annotations

from pamesos.local.engine.engine import Engine
from pamesos.local.engine.setup import Setup

__all__ = ["Engine", "Setup"]
