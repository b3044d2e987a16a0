"""Configure structlog once: readable lines on a terminal, JSON otherwise; always on stderr."""

from __future__ import annotations

import sys

import structlog


def configure(*, json: bool | None = None) -> None:
    """Set up logging for a long-running command.

    ``json`` None means: JSON unless stderr is a terminal. Standard output stays free for results.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
