"""The label of an experiment, which its pages and figures show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_LABEL: Final[ContextVar[str]] = ContextVar("label of the experiment", default="")


@contextmanager
def labelled(label: str) -> Iterator[None]:
    """Show a label on every page and figure that is made inside; none if it is empty. Local."""
    token = _LABEL.set(label)
    try:
        yield
    finally:
        _LABEL.reset(token)


def current_label() -> str:
    """Return the label that pages and figures show now; empty without one."""
    return _LABEL.get()
