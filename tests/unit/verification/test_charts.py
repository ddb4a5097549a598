"""Charts of report pages: labels of the axis of times, and markers of coinciding curves."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from landda_hpc.verification.pages.charts import WIDTH, Line, day_number, line_chart
from landda_hpc.verification.run_styles import marked_points, run_styles

START = datetime(2022, 12, 30, 6)


@pytest.mark.parametrize("hours", [6, 30, 72, 168, 24 * 40, 24 * 92, 24 * 400, 24 * 3000])
@pytest.mark.parametrize("begin", [0, 6, 13])
def test_labels_of_times_do_not_overlap(hours: int, begin: int) -> None:
    times = [START + timedelta(hours=begin), START + timedelta(hours=begin + hours)]
    line = Line("a", [(day_number(time), 1.0) for time in times], run_styles(["a"])["a"])
    chart = line_chart("x", [line], unit="")
    found = re.findall(r'<text x="([\d.]+)" y="(\d+)" text-anchor="(\w+)">([^<]+)</text>', chart)
    title = found.pop()
    assert title[3].endswith("UTC")
    named = [text for *_, anchor, text in found if anchor == "middle" and text[0].isalpha()]  # "Jan 2023"
    assert re.search(r"\b20\d\d\b", title[3]) or named
    labels = [(float(x), 5.5 * len(text)) for x, _, anchor, text in found if anchor == "middle"]
    assert 1 <= len(labels) <= 8
    for (x, width), (next_x, next_width) in pairwise(labels):
        assert x + 0.5 * width + 3.0 <= next_x - 0.5 * next_width
    assert labels[0][0] - 0.5 * labels[0][1] >= 0.0 and labels[-1][0] + 0.5 * labels[-1][1] <= WIDTH


@pytest.mark.parametrize("n_points", [1, 2, 5, 6, 40, 400])
def test_curves_that_coincide_have_markers_at_different_points(n_points: int) -> None:
    places = [set(range(n_points)[marked_points(n_points, number, 4)]) for number in range(4)]
    assert all(places)
    if n_points >= 4:
        assert sum(map(len, places)) == len(set.union(*places))
