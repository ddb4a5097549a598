"""Markdown of our pages as HTML: tables that can be scrolled, pictures inside the file."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import MutableMapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from landda_hpc.errors import MissingFileError

_COLOURS: Final = 255
"""Colours of an embedded picture: maps and curves have few, and letters need their shades."""

_NEGATIVE: Final = re.compile(r"(?<![\w.:-])-(?=\d)")
"""The hyphen before a negative number."""
_UNIT: Final = re.compile(r"\bm3 m-3\b")


def markdown_html(text: str, folder: Path | None = None, *, deeper: int = 0, name: str = "") -> str:
    """Convert a Markdown page of this package to HTML.

    Parameters
    ----------
    text : headings, paragraphs, lists, tables and pictures; HTML in it is shown as text.
    folder : of the page, for the links of its pictures, which are embedded.
    deeper : levels by which headings are lowered.
    name : of tables before the first heading, for readers who do not see the page.

    Raises
    ------
    MissingFileError : a picture does not exist.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    heading = name
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + deeper)}"
            if after is not None and after.type == "inline":
                heading = after.content
        elif token.type == "table_open":
            token.meta["label"] = heading
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        elif token.type == "inline":
            for part in token.children or ():
                if part.type == "text":
                    part.content = _UNIT.sub("m³ m⁻³", minus_signs(part.content))
    renderer: Any = reader.renderer

    def open_table(tokens: Sequence[Token], at: int, *_: object) -> str:
        return f"{scrolled_open(str(tokens[at].meta['label']))}<table>\n"

    def image(tokens: Sequence[Token], at: int, *_: object) -> str:
        token = tokens[at]
        path = (folder or Path()) / unquote(str(token.attrGet("src")))
        return f'<img class="figure" src="{picture_data(path)}" alt="{escape(token.content, quote=True)}">'

    rules: MutableMapping[str, Any] = renderer.rules
    rules.update(table_open=open_table, table_close=lambda *_: "</table></div>\n", image=image)
    return str(renderer.render(tokens, reader.options, {}))


def minus_signs(text: str) -> str:
    """Return a text with minus signs before negative numbers; hyphens of ranges and dates stay."""
    return _NEGATIVE.sub("\N{MINUS SIGN}", text)


def scrolled_open(label: str) -> str:
    """Return the start of a box that scrolls sideways, for tables wider than the page; it ends with ``</div>``."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {escape(label, quote=True)}">'


def picture_data(path: Path) -> str:
    """Return a picture in a file as a data URI, reduced to few colours.

    Raises
    ------
    MissingFileError : the file does not exist.
    """
    from PIL import Image

    if not path.is_file():
        raise MissingFileError(f"picture '{path}' does not exist; a page was to contain it. Make the figures again.")
    content = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(content, "png", optimize=True)
    return data_uri(content.getvalue())


def data_uri(png: bytes) -> str:
    """Return a PNG as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
