"""What was measured, and what it comes to: medians, spreads, ratios. No I/O."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Series:
    """One thing measured again and again, in the order of time; ``unit`` is "s", "KiB", or "" for a count."""

    label: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the values."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """Least and most."""
        return min(self.values), max(self.values)


@dataclass(frozen=True, slots=True)
class Comparison:
    """kmodd (``subject``) beside a ``peer``, measured in turns; less is better.

    ``name`` is what the baseline knows it by. ``target`` is the most that the ratio may come to, None where
    nobody has set one.
    """

    name: str
    subject: Series
    peer: Series
    target: float | None = None

    @property
    def ratio(self) -> float:
        """Median of the subject by median of the peer."""
        return self.subject.median / self.peer.median

    @property
    def least_ratio(self) -> float:
        """The same of the least values: what others on the machine do can only make a value greater."""
        return min(self.subject.values) / min(self.peer.values)

    @property
    def ratio_spread(self) -> tuple[float, float]:
        """Least and most of the ratios of single rounds, whose two halves saw the same machine."""
        ratios = [a / b for a, b in zip(self.subject.values, self.peer.values, strict=True)]
        return min(ratios), max(ratios)

    @property
    def runs(self) -> int:
        """How often each of the two was measured."""
        return len(self.subject.values)

    @property
    def meets_target(self) -> bool:
        """Whether the ratio is within the target; true where there is none."""
        return self.target is None or self.ratio <= self.target


def within(name: str, subject: Series, most: float) -> Comparison:
    """``subject`` beside the ``most`` that is allowed, where nobody else does the like."""
    allowed = Series("what is allowed", subject.unit, (most,) * len(subject.values))
    return Comparison(name, subject, allowed, target=1.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a measurement found; ``notes`` are sentences that belong beside the numbers."""

    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()
