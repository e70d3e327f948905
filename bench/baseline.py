"""The committed ratios, and what moved since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.documents import Run

PATH = Path(__file__).with_name("baseline.json")
FORMAT = 1
TOLERANCE = 0.2


@dataclass(frozen=True, slots=True)
class Baseline:
    """Ratios by name of comparison, of medians and of least values, and the machine they were measured on."""

    machine: Mapping[str, str]
    ratios: Mapping[str, float]
    least_ratios: Mapping[str, float]


def baseline_of(run: Run) -> Baseline:
    """What ``run`` would be as the baseline."""
    return Baseline(
        run.machine,
        {each.name: _rounded(each.ratio) for each in run.comparisons},
        {each.name: _rounded(each.least_ratio) for each in run.comparisons},
    )


def moved(baseline: Baseline, run: Run, tolerance: float = TOLERANCE) -> tuple[str, ...]:
    """A sentence for every ratio that is further than ``tolerance`` from the baseline's, or not in it.

    A busy machine moves medians, so the ratio of the least values must have moved the same way too.
    """
    sentences = []
    for each in run.comparisons:
        if each.name not in baseline.ratios:
            sentences.append(f"{each.name}: {each.ratio:.3g}, not in the baseline")
            continue
        before = baseline.ratios[each.name]
        change = each.ratio / before - 1
        least_change = each.least_ratio / baseline.least_ratios[each.name] - 1
        if min(change, least_change) > tolerance or max(change, least_change) < -tolerance:
            way = "worse" if change > 0 else "better"
            sentences.append(f"{each.name}: {each.ratio:.3g}, was {before:.3g}: {abs(change):.0%} {way}")
    return tuple(sentences)


def read(path: Path = PATH) -> Baseline | None:
    """The committed baseline; None if there is none. Raises ValueError for another format."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    if document["format"] != FORMAT:
        raise ValueError(f"{path.name}: format {document['format']} is not {FORMAT}")
    return Baseline(document["machine"], document["ratios"], document["least_ratios"])


def write(baseline: Baseline, path: Path = PATH, *, keep: bool = True) -> None:
    """Replace the baseline; ``keep``: names not measured this time keep their ratio."""
    old = (read(path) if keep else None) or Baseline({}, {}, {})
    document = {
        "format": FORMAT,
        "machine": dict(baseline.machine),
        "ratios": {**old.ratios, **baseline.ratios},
        "least_ratios": {**old.least_ratios, **baseline.least_ratios},
    }
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def _rounded(ratio: float) -> float:
    """Three significant figures: more would only be noise in the history of the file."""
    return float(f"{ratio:.3g}")
