"""Show, below a block of code that the tests do not run, why they do not.

``<!-- not run: REASON -->`` before a block is about this block, ``<!-- no block is run: REASON -->`` about all blocks
of a page; ``<!-- blocks are run by FILE -->`` names the test that runs them. tests/documents runs all others.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

BLOCK = re.compile(
    r"^<!-- not run: (?P<reason>.+?) -->\n(?P<block>(?P<fence>`{3,}).*?\n(?P=fence)\n)", re.MULTILINE | re.DOTALL
)
PAGE = re.compile(r"^<!-- no block is run: (?P<reason>.+?) -->\n", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, Any]:
    """Change the source of pages when they are read."""
    app.connect("source-read", _show_reasons)
    return {"parallel_read_safe": True}


def _show_reasons(_app: Sphinx, _page: str, source: list[str]) -> None:
    text = BLOCK.sub(lambda found: found["block"] + _note(f"this block: {found['reason']}"), source[0])
    source[0] = PAGE.sub(lambda found: _note(f"the commands on this page: {found['reason']}"), text)


def _note(text: str) -> str:
    return f"{{.not-run}}\nThe tests do not run {text}\n\n"
