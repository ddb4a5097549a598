"""Make ``landda_hpc/data/borders_110m.json`` from the countries of Natural Earth.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python tools/make_borders.py package/countries-110m.json

world-atlas is Natural Earth 4.1.0 (public domain) at 1:110m as TopoJSON. In it countries share the arcs of their
outlines: an arc of two countries is a border, an arc of one is a coast.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

SHA256 = "2516c915867c7baf18ddec727aec46c315541a07cfb3d79a6559b05d5e94eee8"
OUTPUT = Path(__file__).resolve().parent.parent / "landda_hpc/data/borders_110m.json"


def arcs_of(nested: Any) -> Iterator[int]:
    """Numbers of the arcs of a geometry; ~n is arc n backwards."""
    for one in nested:
        if isinstance(one, int):
            yield one if one >= 0 else ~one
        else:
            yield from arcs_of(one)


def main() -> int:
    """Write the file and print its size."""
    content = Path(sys.argv[1]).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        print(f"{sys.argv[1]} is not countries-110m.json of world-atlas 2.0.2", file=sys.stderr)
        return 1
    world = json.loads(content)
    owners: dict[int, set[int]] = {}
    for number, country in enumerate(world["objects"]["countries"]["geometries"]):
        for arc in arcs_of(country["arcs"]):
            owners.setdefault(arc, set()).add(number)
    scale, origin = world["transform"]["scale"], world["transform"]["translate"]
    lines = []
    for arc in sorted(arc for arc, of in owners.items() if len(of) > 1):
        # Each point is given relative to the one before it.
        places = accumulate(world["arcs"][arc], lambda a, b: [a[0] + b[0], a[1] + b[1]])
        lines.append([[round(scale[k] * at[k] + origin[k], 2) for k in (0, 1)] for at in places])
    data = {
        "title": "Borders of countries, lines of (degrees_east, degrees_north)",
        "source": "Natural Earth 4.1.0, admin 0 countries at 1:110m, by way of world-atlas 2.0.2",
        "license": "public domain",
        "source_sha256": SHA256,
        "lines": lines,
    }
    OUTPUT.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{OUTPUT.name}: {len(lines)} lines, {sum(map(len, lines))} points, {OUTPUT.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
