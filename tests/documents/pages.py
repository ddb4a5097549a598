"""Blocks of code in the pages of the documentation, and what the pages say about running them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?"
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w{}-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_PAGE = re.compile(r"^<!-- (?:no block is run: |blocks are run by )(.+?) -->$", re.MULTILINE)
COMMANDS = ("bash", "python")
"""Languages of blocks that a reader types; others (yaml, text, toml) show files or output."""


@dataclass(frozen=True)
class Block:
    """A block of code: where it begins, its language, and why it is not run (empty if it is)."""

    page: Path
    line: int
    language: str
    code: str
    reason: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return all blocks of a page, in order."""
    text = page.read_text()
    of_page = _PAGE.search(text)
    return [
        Block(
            page,
            text.count("\n", 0, found.start("fence")) + 1,
            found["language"],
            found["code"],
            found["reason"] or (of_page[1] if of_page else ""),
        )
        for found in _FENCE.finditer(text)
        if not found["language"].startswith("{")
    ]
