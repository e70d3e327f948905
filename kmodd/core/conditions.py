"""``when``: whether the facts fulfil it, and if not, which part does not and why (kmodd.d(5))."""

import re
from collections.abc import Callable, Collection
from fnmatch import fnmatchcase

from kmodd.model import AskedFacts, Declaration, DeviceMatch, Facts, Ready, When

# uname(2) machine -> the names of ConditionArchitecture= (systemd.unit(5)) where they differ.
_ARCHITECTURES = {
    "x86_64": "x86-64",
    "aarch64": "arm64",
    "aarch64_be": "arm64-be",
    "i386": "x86",
    "i486": "x86",
    "i586": "x86",
    "i686": "x86",
    "armv7l": "arm",
    "armv6l": "arm",
    "ppc64le": "ppc64-le",
    "mips64": "mips64",
}

_MANY_DIGITS = 18
_COMPARISON = r"(<=|>=|!=|<|>|=)\s*(\S+)"
_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">=": lambda a, b: a >= b,
    ">": lambda a, b: a > b,
}


def unmet(when: When, facts: Facts) -> str:
    """The first part of ``when`` that does not hold, as a sentence; "" if all of it holds."""
    if not any(when):
        return ""
    if when.devices and not device_present(when, facts):
        return "no matching device is present (" + ", or ".join(map(describe_match, when.devices)) + ")"
    tests: tuple[tuple[str, tuple[str, ...], Callable[[str, Facts], bool]], ...] = (
        ("kernel", when.kernel, _kernel),
        ("architecture", when.architecture, _architecture),
        ("virtualization", when.virtualization, _virtualization),
        ("path_exists", when.path_exists, _path_exists),
        ("kernel_command_line", when.kernel_command_line, _command_line),
        ("dmi", when.dmi, _dmi),
    )
    for key, entries, holds in tests:
        for entry in entries:
            negated = entry.startswith("!")
            if holds(entry.removeprefix("!"), facts) == negated:
                return f"when.{key} = {entry!r} does not hold"
    return ""


def device_present(when: When, facts: Facts) -> bool:
    """Whether a device fulfils one of its matches; False where it asks for none."""
    return not facts.present_devices.isdisjoint(when.devices)


def is_ready(ready: Ready, facts: Facts) -> bool:
    """Whether everything that ``ready`` names is there."""
    path = not ready.path_exists or ready.path_exists in facts.existing_paths
    return path and (ready.device is None or ready.device in facts.present_devices)


def describe_ready(ready: Ready) -> str:
    """What ``ready`` waits for, in words."""
    device = f"a device ({describe_match(ready.device)})" if ready.device else ""
    return " and ".join(filter(None, (ready.path_exists, device)))


def describe_match(match: DeviceMatch) -> str:
    """A match in words, as the file would write it."""
    named = (("subsystem", match.subsystem), ("driver", match.driver), ("modalias", match.modalias))
    pairs = (*named, *match.properties, *match.attributes)
    return " ".join(f"{key}={value}" for key, value in pairs if value)


def asked_facts(declarations: Collection[Declaration]) -> AskedFacts:
    """What all of them ask for; for the caller that gathers the facts."""
    whens = [declaration.when for declaration in declarations]
    return AskedFacts(
        frozenset().union(*map(_asked_paths, declarations)),
        dmi=any(when.dmi for when in whens),
        virtualization=any(when.virtualization for when in whens),
    )


def _asked_paths(declaration: Declaration) -> frozenset[str]:
    paths = {entry.removeprefix("!") for entry in declaration.when.path_exists}
    if declaration.ready and declaration.ready.path_exists:
        paths.add(declaration.ready.path_exists)
    return frozenset(paths)


def asked_devices(declaration: Declaration) -> tuple[DeviceMatch, ...]:
    """Matches whose presence decides something."""
    awaited = declaration.ready.device if declaration.ready else None
    return (*declaration.when.devices, *((awaited,) if awaited else ()))


def _numbers(version: str) -> tuple[int, ...]:
    """Leading dotted numbers of a kernel release, without zeros at the end: ``6.12.0-3-amd64`` -> (6, 12)."""
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    numbers = [_number(part) for part in match.group().split(".")] if match else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _number(digits: str) -> int:
    """A part of a version; no kernel has one of many digits, and Python refuses to read some thousands."""
    return int(digits) if len(digits) < _MANY_DIGITS else 10**_MANY_DIGITS


def _kernel(expression: str, facts: Facts) -> bool:
    """All comparisons of the expression hold; without an operator it is a glob on the release."""
    comparisons = re.findall(_COMPARISON, expression)
    if not comparisons:
        return fnmatchcase(facts.kernel_release, expression.strip())
    have = _numbers(facts.kernel_release)
    return all(_COMPARE[operator](have, _numbers(version)) for operator, version in comparisons)


def _architecture(name: str, facts: Facts) -> bool:
    return name in (facts.architecture, _ARCHITECTURES.get(facts.architecture, facts.architecture))


def _virtualization(name: str, facts: Facts) -> bool:
    kind = facts.virtualization
    if name in ("yes", "true", "1"):
        return bool(kind)
    if name in ("no", "false", "0"):
        return not kind
    return kind in (name, f"vm:{name}", f"container:{name}") or kind.startswith(f"{name}:")


def _path_exists(path: str, facts: Facts) -> bool:
    return path in facts.existing_paths


def _command_line(entry: str, facts: Facts) -> bool:
    """A word that stands there; a word without "=" also matches an assignment to it (systemd.unit(5))."""
    if "=" in entry:
        return entry in facts.command_line
    return any(word == entry or word.startswith(entry + "=") for word in facts.command_line)


def _dmi(entry: str, facts: Facts) -> bool:
    """``FIELD=GLOB`` on a field of /sys/class/dmi/id."""
    name, _, pattern = entry.partition("=")
    return fnmatchcase(facts.dmi.get(name.strip(), ""), pattern.strip())
