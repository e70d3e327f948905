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
    """Ratios by name of comparison, and the machine that they were measured on."""

    machine: Mapping[str, str]
    ratios: Mapping[str, float]


def baseline_of(run: Run) -> Baseline:
    """What ``run`` would be as the baseline."""
    return Baseline(run.machine, {each.name: round(each.ratio, 4) for each in run.comparisons})


def moved(baseline: Baseline, run: Run, tolerance: float = TOLERANCE) -> tuple[str, ...]:
    """A sentence for every ratio that is further than ``tolerance`` from the baseline's, or not in it."""
    sentences = []
    for each in run.comparisons:
        before = baseline.ratios.get(each.name)
        if before is None:
            sentences.append(f"{each.name}: {each.ratio:.3g}, not in the baseline")
        elif abs(each.ratio / before - 1) > tolerance:
            way = "worse" if each.ratio > before else "better"
            change = abs(each.ratio / before - 1)
            sentences.append(f"{each.name}: {each.ratio:.3g}, was {before:.3g}: {change:.0%} {way}")
    return tuple(sentences)


def read(path: Path = PATH) -> Baseline | None:
    """The committed baseline; None if there is none. Raises ValueError for another format."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    if document["format"] != FORMAT:
        raise ValueError(f"{path.name}: format {document['format']} is not {FORMAT}")
    return Baseline(document["machine"], document["ratios"])


def write(baseline: Baseline, path: Path = PATH) -> None:
    """Replace the baseline; names not measured this time keep their ratio."""
    old = read(path)
    ratios = {**(old.ratios if old else {}), **baseline.ratios}
    document = {
        "format": FORMAT,
        "machine": dict(baseline.machine),
        "ratios": dict(sorted(ratios.items())),
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
