"""What the lines of ``python -X importtime`` come to. No I/O."""

import re
import sys
from collections import Counter
from collections.abc import Iterable

_LINE = re.compile(r"import time: +(\d+) \| +(\d+) \| ( *)(\S+)")
_MOST = 30


def digest(lines: Iterable[str]) -> str:
    """Own time by whose module it is, and the modules that take most; as traced, so longer than without."""
    own_us = dict(own_times(lines))
    owners: Counter[str] = Counter()
    for module, spent_us in own_us.items():
        owners[owner(module)] += spent_us
    total_us = sum(own_us.values())
    text = [f"imports of a start: {len(own_us)} modules, {total_us / 1000:.0f} ms", "", "whose:"]
    text += [_row(spent_us, total_us, name) for name, spent_us in owners.most_common()]
    text += ["", f"the {_MOST} that take most themselves:"]
    text += [_row(spent_us, total_us, name) for name, spent_us in Counter(own_us).most_common(_MOST)]
    return "\n".join(text)


def own_times(lines: Iterable[str]) -> Iterable[tuple[str, int]]:
    """(module, microseconds without what it imports itself); lines that are anything else are passed over."""
    for line in lines:
        found = _LINE.fullmatch(line.rstrip())
        if found:
            yield found[4], int(found[1])


def owner(module: str) -> str:
    """Distribution, or which part of the standard library: asyncio by itself, the rest as one."""
    top = module.partition(".")[0]
    if top == "asyncio":
        return "asyncio"
    return "standard library" if top in sys.stdlib_module_names else top


def _row(spent_us: int, total_us: int, name: str) -> str:
    return f"{spent_us / 1000:8.1f} ms  {spent_us / total_us:6.1%}  {name}"
