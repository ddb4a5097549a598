"""Find words that the text of this repository does not use: file, line, the words found and what to write instead.

The list is in tools/words.txt. Python code is searched in comments and strings (docstrings, messages), other files
completely. The exit code is 1 if anything is found. ``make lint`` runs it.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEARCHED = ("landda_hpc", "docs", "jobs", "experiments", "tests", "tools", "env", "Makefile", "*.md")
SUFFIXES = {".py", ".pyi", ".md", ".yaml", ".yml", ".toml", ".sh", ".slurm", ""}
# The list itself, and files that must quote former names; the glossary's last table quotes the words, too.
EXEMPT = {"tools/words.txt", "CHANGELOG.md", "landda_hpc/config/deprecated.py", "tests/unit/test_config_deprecated.py"}
END_OF_GLOSSARY = "## Words that are not used"


def read_list() -> list[tuple[re.Pattern[str], str, bool]]:
    """Patterns, suggestions, and whether names in code are searched too."""
    rules = []
    for line in (ROOT / "tools/words.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, _, advice = line.rpartition(" | ")
            pattern, in_names = pattern.strip().removeprefix("name "), pattern.startswith("name ")
            blank = r"[\\s#]+"
            rules.append((re.compile(re.sub(" ", blank, pattern), re.IGNORECASE), advice.strip(), in_names))
    return rules


def prose(text: str) -> str:
    """Comments and strings of Python code, everything else blanked; line numbers are kept."""
    lines = [[" "] * len(line) for line in text.split("\n")]
    source = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            (first, start), (last, stop) = token.start, token.end
            for number in range(first, last + 1):
                begin = start if number == first else 0
                end = stop if number == last else len(source[number - 1])
                lines[number - 1][begin:end] = source[number - 1][begin:end]
    return "\n".join("".join(line) for line in lines)


def main() -> int:
    """Search all files that git tracks or would track."""
    rules, found = read_list(), 0
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *SEARCHED]
    for name in subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
        path = ROOT / name
        if name in EXEMPT or path.suffix not in SUFFIXES or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8").partition(END_OF_GLOSSARY)[0]
        words = prose(text) if path.suffix in (".py", ".pyi") else text
        for pattern, advice, in_names in rules:
            for match in pattern.finditer(text if in_names else words):
                line = text.count("\n", 0, match.start()) + 1
                print(f"{name}:{line}: '{' '.join(match.group().split())}'; write: {advice}")
                found += 1
    if found:
        print(f"{found} of the words in tools/words.txt were found.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
