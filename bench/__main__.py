"""``make bench``: measure, print, write bench/out, say what moved."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import baseline as committed
from bench import host, readme
from bench.about import describe
from bench.documents import Run, run_to_json
from bench.measurement import Measurement
from bench.picture import draw
from bench.registry import MEASUREMENTS
from bench.series import Comparison
from bench.table import render

OUT = Path(__file__).with_name("out")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 however the numbers are: a bench tells, it does not judge."""
    options = _options(arguments)
    chosen = [each for each in MEASUREMENTS if not options.names or each.name in options.names]
    run = _measure(chosen, options.rounds)
    baseline = committed.read()
    ratios = baseline.ratios if baseline else {}
    OUT.mkdir(exist_ok=True)
    (OUT / "results.json").write_text(run_to_json(run))
    (OUT / "results.svg").write_text(draw(run, ratios))
    if not options.no_reports:
        _say("reports ...")
        for name, text in host.reports():
            (OUT / name).write_text(text)
    _say(f"\n{render(run, ratios)}\n")
    _say(_compared(baseline, run))
    if os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1):
        _say("this machine is busy with other things: medians are rough, and so is what moved")
    if options.accept:
        _accept(run, whole=not options.names)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure kmodd beside its peers.")
    names = [each.name for each in MEASUREMENTS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each, instead of its own number")
    parser.add_argument("--no-reports", action="store_true", help="no importtime, no profile")
    parser.add_argument("--accept", action="store_true", help="make the ratios the committed baseline")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names]
    if unknown or options.rounds < 0:
        parser.error(f"no such measurement: {' '.join(unknown)}" if unknown else "rounds count from 1")
    return options


def _measure(chosen: Sequence[Measurement], rounds: int) -> Run:
    comparisons, notes = list[Comparison](), list[str]()
    with host.Places() as places:
        for each in chosen:
            _say(f"{each.name}: {each.what}, {rounds or each.rounds} rounds ...")
            finding = places.measure(each, rounds or each.rounds)
            comparisons += finding.comparisons
            notes += finding.notes
    return Run(describe(host.kernel()), tuple(comparisons), tuple(dict.fromkeys(notes)))


def _accept(run: Run, *, whole: bool) -> None:
    """Ratios of a part stand beside those of before; only a whole run is what the README shows."""
    committed.write(committed.baseline_of(run), keep=not whole)
    if whole:
        readme.PATH.write_text(readme.replaced(readme.PATH.read_text(), run))
    _say("the baseline is these ratios now")


def _compared(baseline: committed.Baseline | None, run: Run) -> str:
    if baseline is None:
        return "there is no baseline yet; --accept makes one"
    sentences = committed.moved(baseline, run)
    head = f"moved by more than {committed.TOLERANCE:.0%} from the baseline:"
    return "\n".join([head, *sentences]) if sentences else f"nothing {head[:-1]}"


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
