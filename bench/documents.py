"""Results as JSON: what the guest hands to the host, what a run leaves, what the baseline holds."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.series import Comparison, Finding, Series

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the bench. ``machine`` says where, as name -> text."""

    machine: Mapping[str, str]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()


def finding_to_json(finding: Finding) -> str:
    """One line."""
    return json.dumps({"comparisons": _rows(finding.comparisons), "notes": finding.notes})


def finding_from_json(text: str) -> Finding:
    """Inverse of ``finding_to_json``; raises ValueError, KeyError or TypeError for anything else."""
    document = json.loads(text)
    return Finding(_comparisons(document["comparisons"]), tuple(document["notes"]))


def run_to_json(run: Run) -> str:
    """A document for people and programs: every value, and what they come to."""
    document = {
        "format": FORMAT,
        "machine": dict(run.machine),
        "comparisons": _rows(run.comparisons),
        "notes": run.notes,
    }
    return json.dumps(document, indent=1) + "\n"


def run_from_json(text: str) -> Run:
    """Inverse of ``run_to_json``; raises ValueError for another format."""
    document = json.loads(text)
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']} is not {FORMAT}")
    return Run(document["machine"], _comparisons(document["comparisons"]), tuple(document["notes"]))


def _rows(comparisons: tuple[Comparison, ...]) -> list[dict[str, Any]]:
    return [
        {
            **asdict(each),
            "ratio": each.ratio,
            "least_ratio": each.least_ratio,
            "ratio_spread": each.ratio_spread,
            "medians": (each.subject.median, each.peer.median),
        }
        for each in comparisons
    ]


def _comparisons(rows: list[dict[str, Any]]) -> tuple[Comparison, ...]:
    return tuple(
        Comparison(row["name"], _series(row["subject"]), _series(row["peer"]), row["target"]) for row in rows
    )


def _series(row: Mapping[str, Any]) -> Series:
    return Series(row["label"], row["unit"], tuple(map(float, row["values"])))
