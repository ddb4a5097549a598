"""Hostile and mistyped configurations, as bytes of a file, each with what the answer must name.

A table by kinds: syntax, encodings, letters that look alike, sizes, aliases, repeated keys, tags, keys, types, numbers,
times, grids, paths. What is right although it looks strange is in ``RIGHT``.
"""

from __future__ import annotations

from collections.abc import Iterator

BASE = """name: x
seed: 1
time: {start: 2022-06-02T00:00, assimilation_end: 2022-06-02T12:00, end: 2022-06-03T00:00}
grid: {n_lat: 24, n_lon: 48}
model: {spinup_days: 0}
twin: {}
observations: {kind: twin}
runs:
  - {method: control}
"""

SECTIONS = ("time", "grid", "tiles", "case", "model", "forcing", "twin", "catalogue", "observations", "runs",
            "parallel",
            "checkpoint", "output", "verification")  # fmt: skip


def replaced(key: str, value: str) -> bytes:
    """The base with the value of a section written in its place."""
    kept, inside = [], False
    for line in BASE.splitlines():
        if not line.startswith(" "):
            inside = line.startswith(f"{key}:")
        if not inside:
            kept.append(line)
    return ("\n".join(kept) + f"\n{key}: {value}\n").encode()


def changed(old: str, new: str) -> bytes:
    assert old in BASE
    return BASE.replace(old, new, 1).encode()


def added(text: str) -> bytes:
    return (BASE + text).encode()


def syntax() -> Iterator[tuple[bytes, str]]:
    broken = (
        "[", "{", "a: [1, 2", "a: {b: 1", "a: 'x", 'a: "x', "a: b: c", "- a\nb: c", "a: *", "a: &", "%",
        "%YAML 9.9\n---\na: 1",
        "%TAG ! x\n---\na: !y b", "@a: 1", "`a`: 1", "a:\n\t- 1", "\tname: x", "- - - - -\na: 1", "a: [1,,2]", "a: ]",
        "a: 1\n b: 2", "a:\n- b\n c", "name: x\nname", "a: !", "? a\n? b\n:", "--- |\n x\n- y",
    )  # fmt: skip
    for text in broken:
        yield text.encode(), ""
    for text in ("---\n---\n", "a: 1\n---\nb: 2", "--- a\n" * 1000):
        yield text.encode(), "second document"
    for text in ("", " ", "\n\n", "# a comment alone", "null", "~", "---\n...\n"):
        yield text.encode(), "is empty"
    for text in ("true", "5", "text", "[]", "- 1", "!!str x", "''", "2022-06-02", "1e308"):
        yield text.encode(), "expected keys and values"


def encodings() -> Iterator[tuple[bytes, str]]:
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        yield BASE.encode(encoding), ""
    yield BASE.encode("utf-16"), "UTF-16"
    yield added("description: Wärme\n").decode().encode("latin-1"), "not UTF-8"
    yield added("description: 土壤\n").decode().encode("gb18030"), "not UTF-8"
    for raw in (b"\xc0\xaf", b"\xed\xa0\x80", b"\xff"):
        yield BASE.encode() + b"description: " + raw + b"\n", "not UTF-8"
    for raw in (b"\0" * 1000, b"\x7fELF\x02\x01\x01" + bytes(200), b"\x1f\x8b\x08" + bytes(100), bytes(range(256))):
        yield raw, ""
    for character in ("\0", "\x1b[31m", "\x7f", "\x9b", "\x08", "\uffff"):
        yield changed("name: x", f"name: x{character}"), ""
    for escape in ("\\0", "\\a", "\\e", "\\x9b", "\\ud800", "\\r"):
        yield added(f'description: "{escape}"\n'), "line 10"
    yield changed("seed: 1", "seed:\u00a01"), ""
    yield changed("  - {method", "\u00a0 - {method"), ""


def letters() -> Iterator[tuple[bytes, str]]:
    """Letters and digits of other alphabets, marks without width."""
    yield changed("name: x", "n\u0430me: x"), "n\\u0430me"
    yield changed("seed: 1", "s\u0435\u0435d: 1"), "s\\u0435\\u0435d"
    yield added("se\u200bed: 1\n"), "se\\u200bed"
    yield changed("twin: {}", "t\u1d21in: {}"), "t\\u1d21in"
    yield changed("method", "m\u0435thod"), "runs.0"
    yield changed("control", "\u0441ontrol"), "runs.0"
    yield changed("kind: twin", "kind: tw\u0131n"), "observations"
    yield changed("n_lat: 24", "n_lat: \u2212 24"), "grid.n_lat"
    yield changed("2022-06-02T00:00", "2022\u201106\u201102T00:00"), "time.start"
    yield changed("time:", "Time:"), "Did you mean 'time'"
    yield changed("seed: 1", "SEED: 1"), "SEED"
    yield changed("seed: 1", "seed\uff1a 1"), ""
    yield changed("name: x", "name: \u0445"), "name"
    for number in ("\u221e", "\u00bd", "\u2212" + "1"):
        yield replaced("seed", number), "seed"


def sizes() -> Iterator[tuple[bytes, str]]:
    yield b"[" * 100_000, "nested too deeply"
    yield ("{a: " * 5000 + "1" + "}" * 5000).encode(), "nested too deeply"
    yield "".join(" " * i + "a:\n" for i in range(500)).encode(), "nested too deeply"
    yield b"- " * 5000 + b"1", "nested too deeply"
    yield b"? " * 3000, ""
    yield added("  - {method: control, perturbation: " + "{a: " * 39 + "1" + "}" * 39 + "}\n"), "nested too deeply"
    yield added("description: " + "a" * 3_000_000 + "\n"), "description"
    yield added("a" * 2_000_000 + ": 1\n"), ""
    yield added("# " + "x" * 8_000_000), "at most 4 MB"
    yield added("".join(f"k{i}: 1\n" for i in range(20_000))), "more problems"
    yield added("".join(f"  - {{method: control, name: r{i}}}\n" for i in range(2001))), "not 2002"
    yield added("  - {}\n" * 1999), "runs.1"
    yield replaced("runs", "[" + "{method: control, ensemble: {members: 999}}," * 50 + "]"), "ensemble.members"
    yield added("output: {profiles: [" + "[1,2]," * 30_000 + "]}\n"), "output.profiles"
    yield added("output: {profiles: [" + "[100,2]," * 30_000 + "]}\n"), "output.profiles.0.0"
    yield added("output: {profiles: [" + "[1,2]," * 150_000 + "]}\n"), "values"
    yield added("verification: {depths_m: [" + "[0.0,0.1]," * 5000 + "]}\n"), "verification.depths_m"
    yield added("verification: {depths_m: [[0.0, 0.1], [0.0, 0.1]]}\n"), "twice"
    yield replaced("observations", "{kind: twin, withheld: {boxes: [" + "[0,10,0,10]," * 5000 + "]}}"), "withheld.boxes"
    yield replaced("seed", "9" * 5000), "seed"
    yield replaced("name", "a" * 65), "name"
    yield replaced("description", "a" * 5000), "description"


def aliases() -> Iterator[tuple[bytes, str]]:
    levels = list(zip("abcdefgh", "bcdefghi", strict=True))

    def bomb(first: str, form: str) -> str:
        return first + "".join(f"{c}: &{c} {form % ','.join([f'*{p}'] * 9)}\n" for p, c in levels)

    lists = bomb("a: &a [" + "x," * 9 + "]\n", "[%s]")
    yield lists.encode(), "aliases expanded"
    yield (lists + BASE).encode(), "aliases expanded"
    maps = "a: &a {k: v}\n"
    maps += "".join(f"{c}: &{c} {{{', '.join(f'k{i}: *{p}' for i in range(9))}}}\n" for p, c in levels)
    yield maps.encode(), "aliases expanded"
    yield bomb("a: &a {k: v}\n", "{<<: [%s]}").encode(), "aliases expanded"
    wide = "a: &a [" + "x," * 400 + "]\nb: &b [" + "*a," * 400 + "]\nc: [" + "*b," * 400 + "]\n"
    yield wide.encode(), "aliases expanded"
    for text in ("&a [*a]", "a: &a {b: *a}\n", "a: &a {<<: *a}\n", "a: &a {b: &b {c: *a}}\nd: *b\n"):
        yield text.encode(), "contains itself"
    yield added("x: *nowhere\n"), "no anchor"
    yield (
        changed("seed: 1", "seed: &s 1\ndescription: &s text").replace(b"spinup_days: 0", b"spinup_days: *s"),
        "spinup_days",
    )
    yield b"&k name: x\n" + changed("name: x\n", "") + b"*k : y\n", "given twice"
    yield added("  - {<<: 5, method: control}\n"), "merges"
    yield added("  - &r {method: pointwise}\n  - {<<: *r, <<: *r, name: o}\n"), "given twice"
    yield added("  - {<<: {a: 1}, method: control, name: b}\n"), "runs.1.a"
    yield added("  - &r {method: pointwise}\n  - *r\n"), "is the name of several runs"
    yield added("a: &a x\noutput: {profiles: [" + "*a," * 20_000 + "]}\n"), "output.profiles.0"


def repeated_keys() -> Iterator[tuple[bytes, str]]:
    for old, new, key in (
        ("seed: 1", "seed: 1\nseed: 2", "seed"),
        ("seed: 1", "seed: 1\nseed: 1", "seed"),
        ("n_lat: 24", "n_lat: 24, n_lat: 25", "grid.n_lat"),
        ("twin: {}", "twin: {sand_sigma: 1, sand_sigma: 2}", "twin.sand_sigma"),
        ("{method: control}", "{method: control, method: pointwise}", "runs.0.method"),
        ("name: x", "name: x\n'name': y", "name"),
        ("name: x", 'name: x\n"n\\x61me": y', "name"),
        ("start: 2022", "start: 2021-01-01, start: 2022", "time.start"),
        (
            "kind: twin",
            "kind: twin, quality: {frozen_model: true, frozen_model: no}",
            "observations.quality.frozen_model",
        ),
    ):
        yield changed(old, new), f"{key}: the key is given twice"
    yield added("  - {method: enkf_like, frame: {scales: 3, scales: 4}}\n"), "runs.1.frame.scales"
    yield added("twin: {sand_sigma: 1}\n"), "twin: the key is given twice, first in line 6"
    yield replaced("model", "{kind: colm, executable: x, environment: {A: 1, A: 2}}"), "model.environment.A"


def tags() -> Iterator[tuple[bytes, str]]:
    for tag in (
        "!!python/object:os.system x", "!!python/object/apply:os.system ['true']", "!!python/name:os.system",
        "!!python/module:os", "!!python/tuple [1]", "!!binary aGVsbG8=", "!!set {a, b}", "!!omap [a: 1]",
        "!!pairs [a: 1]",
        "!custom 1", "!<tag:example.org,2022:x> 1", "!include /etc/passwd", "!env HOME", "!!js/function 'x'",
        "!!merge x",
        "!!int 'x'", "!!bool 1", "!!float x",
    ):  # fmt: skip
        yield replaced("seed", tag), "seed"
        yield replaced("runs", tag), "runs"
        yield replaced("twin", f"\n  sand_sigma: {tag}"), "sand_sigma"


def keys() -> Iterator[tuple[bytes, str]]:
    for key in ("1", "1.5", "true", "null", "~", "2022-06-02", "0x1f"):
        yield added(f"{key}: 1\n"), "is not a text"
    for key in (
        "no",
        "on",
        "''",
        "' '",
        "'seed '",
        "seed.x",
        "runs.0",
        "__class__",
        "model_config",
        "$ref",
        "!!str 5",
        "=",
        "-x",
    ):
        yield added(f"{key}: 1\n"), "unknown key"
    for key in ("? [a]\n", "? {a: b}\n", "'\\0'", '"\\0"', "a" * 300, "<<"):
        yield added(f"{key}: 1\n"), ""


def types() -> Iterator[tuple[bytes, str]]:
    for section in SECTIONS:
        for value in ("5", "text", "[[[]]]", "{a: {b: c}}", "true", "2022-06-02", "1e308"):
            yield replaced(section, value), section
    for section in ("name", "time", "grid", "model", "observations", "runs", "forcing", "seed", "data_root"):
        yield replaced(section, "null"), section
    for value in ("5", "[a]", "{a: b}", "true", "null", "2022-06-02", "../x", "''", "a b", "-x"):
        yield replaced("name", value), "name"
    for value in ("[{}]", "[null]", "[1]", "[[]]", "[{method: kalman}]", "[{method: [control]}]", "[{method: null}]",
                  "[{method: control, name: nature}]", "[{method: control}, {method: control}]",
                  "[{method: control, name: ../x}]",
                  "[{method: control, ensemble: 5}]", "[{method: control, ensemble: {members: x}}]", "[]",
                  "{}"):  # fmt: skip
        yield replaced("runs", value), ""


def numbers() -> Iterator[tuple[bytes, str]]:
    for value in ("9" * 400, "9" * 25, str(2**63), "-1", "0x" + "f" * 5000, "1.5", "1:30", "12:30:45", "yes",
                  "no", "on", "off", "y",
                  "true", "False", "null", "~", "", "[1]", "{a: 1}", "1,000", "1 000", ".inf", "-.inf", ".nan",
                  "1e400",
                  "--1", "infinity", "NaN", "2**3", "$(id)", "${HOME}", "{{ 1 }}", "%d", "1e3", "017", "007",
                  "-010"):  # fmt: skip
        yield replaced("seed", value), "seed" if value[:1] not in "{%" else ""
    places = {
        "runs.0.background_std": ("runs", "[{method: enkf_like, background_std: %s}]"),
        "runs.0.observation_std": ("runs", "[{method: adaptive_pointwise, observation_std: %s}]"),
        "runs.0.background_errors.std": ("runs", "[{method: enkf_like, background_errors: {kind: white, std: %s}}]"),
        "runs.0.length_km": ("runs", "[{method: smoothed, length_km: %s}]"),
        "runs.0.drift.forecast_days": ("runs", "[{method: pointwise, drift: {forecast_days: %s}}]"),
        "observations.error_std": ("observations", "{kind: twin, error_std: %s}"),
        "twin.length_cells": ("twin", "{sand_sigma: 1, length_cells: %s}"),
        "forcing.storm_hours": ("forcing", "{storm_hours: %s}"),
        "output.profiles.0.0": ("output", "{profiles: [[%s, 10]]}"),
        "verification.anomaly.window_days": ("verification", "{anomaly: {window_days: %s}}"),
    }
    for key, (section, form) in places.items():
        for value in ("1e308", "-1e308", "1e309", ".inf", ".nan", "-91", "9" * 400, "true", "[0.1]", "1:30.5"):
            # Where a file may be meant, 1:30.5 is one that does not exist.
            yield replaced(section, form % value), "" if value == "1:30.5" else key
        for value in ("1e-300", "5e-324", "0"):
            if key != "output.profiles.0.0":
                yield replaced(section, form % value), key
    for key, section, value in (
        ("runs.0.background_std", "runs", "[{method: enkf_like, background_std: 15}]"),
        ("runs.0.tolerance", "runs", "[{method: var3d_point, tolerance: 1e-300}]"),
        ("runs.0.keep_fraction", "runs", "[{method: var3d_image, keep_fraction: 1e-300}]"),
        ("runs.0.max_iterations", "runs", "[{method: var3d_point, max_iterations: 99999999999}]"),
        (
            "runs.0.solve_max_iterations",
            "runs",
            "[{method: enkf_like, missing: solve, solve_max_iterations: 1000000000000}]",
        ),
        ("runs.0.members", "runs", "[{method: enkf_like, members: 100000}]"),
        ("runs.0.frame.angles_coarse", "runs", "[{method: enkf_like, frame: {angles_coarse: 4000000000}}]"),
        ("runs.0.gain", "runs", "[{method: pointwise, gain: 2}]"),
        ("runs.0.memory_cycles", "runs", "[{method: per_wedge, memory_cycles: 1e308}]"),
        ("runs.0.prior_cycles", "runs", "[{method: adaptive_pointwise, prior_cycles: 1e-300}]"),
        ("observations.depth_m", "observations", "{kind: twin, depth_m: [0, 1e-300]}"),
        ("observations.depth_m", "observations", "{kind: twin, depth_m: [-1, 0.1]}"),
        ("observations.depth_m", "observations", "{kind: twin, depth_m: [0.1, 0.0]}"),
        ("observations.depth_m", "observations", "{kind: twin, depth_m: [true, 1]}"),
        ("model.spinup_days", "model", "{spinup_days: no}"),
        ("model.spinup_days", "model", "{spinup_days: 0:10}"),
        ("model.timestep_s", "model", "{timestep_s: 1e9}"),
        ("parallel.roots", "parallel", "{roots: -1}"),
        ("parallel.member_groups", "parallel", "{member_groups: 99999999999}"),
        ("checkpoint.keep_last", "checkpoint", "{keep_last: yes}"),
        ("tiles.min_fraction", "tiles", "{min_fraction: 1.1}"),
    ):
        yield replaced(section, value), key


def times() -> Iterator[tuple[bytes, str]]:
    for start in (
        "2022-06-31 00:00:00", "2022-06-31", "2022-02-30T00:00", "1900-02-29 00:00:00", "0001-01-01",
        "1699-12-31", "9999-12-31",
        "10000-01-01", "-2022-06-02", "20220602", "2022", "1654128000", "1e9", "12:30", "2022-06-02T00:00Z",
        "2022-06-02 00:00:00 +08:00", "2022-06-02T00:00:00+99:99", "2022-06-02T00:30", "2022-06-02T00:00:00.5",
        "2022-06-02 00:00:60", "06/02/2022", "2.6.2022", "yesterday", "null", "true", "[2022, 6, 2]",
        "{year: 2022}", "2022-W22-4",
        "2022-153", "9" * 5000, "'12345.6'", "2022-06-02T25:00", "2022-13-01",
        "2022-06-02T00:00:00." + "0" * 500 + "x",
    ):  # fmt: skip
        yield replaced("time", f"{{start: {start}, assimilation_end: 2022-06-03, end: 2022-06-04}}"), "time.start"
    for start, middle, end in (
        ("2022-06-02", "2022-06-01", "2022-06-03"), ("2022-06-02", "2022-06-02", "2022-06-02"),
        ("2022-06-02", "2022-06-04", "2022-06-03"), ("1700-01-01", "9900-01-01", "9900-01-02"),
        ("2022-06-02", "2022-06-03", "9900-01-01"), ("1700-01-01", "1800-01-01", "1900-01-01"),
    ):  # fmt: skip
        yield replaced("time", f"{{start: {start}, assimilation_end: {middle}, end: {end}}}"), "time"
    hourly = "{start: 1900-01-01, assimilation_end: 2000-01-01, end: 2000-01-01, cycle_hours: 1}"
    yield replaced("time", hourly), "876576 cycles"
    for hours in ("5", "0", "-6", "25", "6.5", "012", "0:06", "yes", ".inf", "9" * 100, "null", "[6]"):
        form = "{start: 2022-06-02, assimilation_end: 2022-06-03, end: 2022-06-04, cycle_hours: %s}"
        yield replaced("time", form % hours), "cycle_hours"
    yield added("output: {times: [0]}\n"), "output.times.0"
    yield added("output: {times: [2022-06-02T05:00]}\n"), "output.times"
    yield added("verification: {days: [2022]}\n"), "verification.days.0"
    yield replaced("observations", "{kind: twin, withheld: {times: [2022-06-02T18:00]}}"), "withheld.times"


def grids() -> Iterator[tuple[bytes, str]]:
    for grid in (
        "{n_lat: 3601}", "{n_lat: 1000000, n_lon: 1000000}", "{n_lat: 16}", "{n_lat: 0}", "{south: 90, north: -90}",
        "{south: 10, north: 10}", "{south: 10, north: 10.0000000001}", "{south: 0, north: 1e-300}",
        "{west: 0, east: 360.000001}",
        "{west: 0, east: 1e-9}", "{west: 359.999999, east: 360}", "{kind: case}", "{kind: hexagonal}",
        "{kind: [regular]}",
        "{kind: {a: 1}}", "{south: -91}", "{north: .inf}", "{kind: gaussian, south: 0}", "{east: 541}",
        "{n_lat: -24}",
    ):  # fmt: skip
        yield replaced("grid", grid), "grid"


def paths() -> Iterator[tuple[bytes, str]]:
    for path in (
        "a" * 300,
        "a" * 5000,
        "../" * 2000,
        "'" + "*" * 300 + "'",
        "'" + "%Y" * 200 + "'",
        '"a\\0b"',
        "null",
        "5",
        "[a]",
        "''",
    ):
        yield replaced("observations", f"{{kind: gldas, path: {path}}}"), "observations.path"
        entry = f"catalogue: {{e: {{product: cf, path: {path}, variables: {{sm: [0, 0.1]}}}}}}\n"
        yield changed("{kind: twin}", "{kind: catalogue, entry: e}") + entry.encode(), "catalogue.e.path"
    for path in ("a" * 300, "a" * 5000, "a/" * 3000, '"a\\0b"', "5", "[a]"):
        yield replaced("data_root", path), "data_root"
        yield replaced("model", f"{{initial: file, initial_file: {path}, spinup_days: 0}}"), "model.initial_file"
        yield (
            replaced("runs", f"[{{method: pointwise, depth: {{kind: regression, file: {path}}}}}]"),
            "runs.0.depth.file",
        )
    for path in (
        "/dev/zero",
        "/",
        "nowhere",
        "http://x/y",
        "'%Q%!%-d'",
        "'{layer.__class__}'",
        "'{'",
        "'**'",
        "'[a'",
        "-rf",
    ):
        yield replaced("observations", f"{{kind: gldas, path: {path}}}"), ""
        yield replaced("model", f"{{initial: file, initial_file: {path}, spinup_days: 0}}"), ""
    for launch in ("'{exe}'", "'{exe} {namelist} {foo}'", "'{exe} {namelist} {'", "'{exe!x} {exe} {namelist}'",
                   "'{exe:>1000000000} {exe} {namelist}'", "'{exe.__class__} {exe} {namelist}'",
                   "\"{exe} {namelist} '\"", "5"):  # fmt: skip
        yield replaced("model", f"{{kind: colm, executable: x, launch: {launch}}}"), "launch"


ATTACKS = {
    f"{kind.__name__}-{number}": attack
    for kind in (
        syntax,
        encodings,
        letters,
        sizes,
        aliases,
        repeated_keys,
        tags,
        keys,
        types,
        numbers,
        times,
        grids,
        paths,
    )
    for number, attack in enumerate(kind())
}
"""By name: content of the file, and a text that the answer holds."""

RIGHT = {
    "byte order mark": b"\xef\xbb\xbf" + BASE.encode(),
    "line ends of Windows": BASE.replace("\n", "\r\n").encode(),
    "letters outside of ASCII in a text": added("description: 土壤 \U0001f331\n"),
    "yes and no where true and false are meant": added("output: {figures: no, layers: off}\n"),
    "a number in quotes": replaced("seed", "'7'"),
    "a number without a dot": replaced("runs", "[{method: adaptive_pointwise, observation_std: 1e-1}]"),
    "a day without a time": replaced("time", "{start: 2022-06-02, assimilation_end: 2022-06-03, end: 2022-06-04}"),
    "a time with seconds": changed("2022-06-02T00:00", "2022-06-02 00:00:00"),
    "an anchor on a key": b"&k name: x\n" + changed("name: x\n", "description: *k\n"),
    "a section that is merged": added("  - &r {method: pointwise, gain: 0.5}\n  - {<<: *r, name: other}\n"),
    "an alias of a list": added("output: {fields: &f [truth]}\n"),
    "no twin's settings": BASE.encode(),
    "the largest Gaussian grid": replaced("grid", "{kind: gaussian, n_lat: 1280, n_lon: 2560}"),
    "130 years of analyses": replaced("time", "{start: 1900-01-01, assimilation_end: 2030-01-01, end: 2030-01-01}"),
    "an ensemble of 999": replaced("runs", "[{method: control, ensemble: {members: 999, wetness_sigma: 0.1}}]"),
    "a sign and a separator": replaced("seed", "+1_000"),
}
"""Strange, yet right."""
