"""How every process of the product logs: events on stderr, one line each."""

import logging
import sys

import structlog


def configure() -> None:
    """Log events to stderr.

    A traceback tells lines, never values: those hold tokens, passwords and identity numbers.
    """
    logging.getLogger("uvicorn.error").addFilter(_is_no_refusal)
    plain = structlog.dev.plain_traceback
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    structlog.configure(
        processors=[*structlog.get_config()["processors"][:-1], console],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Leave out what the server says of each WebSocket we refused: it is in the audit trail."""
    return record.msg != "ASGI callable returned without completing handshake."
