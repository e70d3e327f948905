"""Files of the configuration, from bytes to a catalog and to the lines in modprobe.d."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tomli

from kmodd.config.contradictions import find_contradictions
from kmodd.config.fragment import Document
from kmodd.config.locate import Misplaced, locate
from kmodd.config.merge import declare, merge
from kmodd.config.parse import parse_fragment, parse_settings
from kmodd.config.reading import Invalid, decode
from kmodd.config.settle import Candidate, Settled, Version, settle
from kmodd.config.toml_text import KeyPath
from kmodd.core.against_kernel import kernel_issues
from kmodd.core.modprobe_conf import HEADER, render
from kmodd.core.resolve import DesiredState
from kmodd.kernel.modprobe_d import parse
from kmodd.model import Catalog, Declaration, Desired, Facts, ModuleInfo
from kmodd.names import ModuleName
from kmodd.shown import Issue, Source
from tests.fuzz import promises
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import Planned, planned
from tests.support.simulated_kernel import SimulatedKernel, SimulatedModule

_KINDS = ("int", "charp", "bool", "ulong", "array of short", "")
_FACTS = Facts("6.12.0-fuzz", "x86_64", "vm:qemu", ("quiet", "root=/dev/sda1"))
_MODULES_LIMIT = 20
_LONGEST = 2 << 20  # what a file says goes through whole, and nothing makes more of it


def drop_in(data: bytes) -> None:
    """Refused with places in the text, or in force: then kept, explained, and in modprobe.d as it is."""
    document = _document("50-fuzz.toml", data)
    if document is None:
        return
    _keys_are_known(document.text)
    fragment, issues = parse_fragment("50-fuzz.toml", document)
    assert (fragment is None) == bool(issues)
    for issue in issues:
        promises.is_placed(issue, document.text)
    if fragment is not None:
        declarations = tuple(declare(name, rows) for name, rows in merge([fragment]).items())
        promises.is_kept(Catalog("key", declarations))
        for declaration in declarations:
            _is_explained(declaration, document.text)
        _is_obeyed(declarations[:_MODULES_LIMIT])


def settings(data: bytes) -> None:
    """As a drop-in."""
    document = _document("kmodd.toml", data)
    if document is None:
        return
    found, issues = parse_settings(document)
    assert (found is None) == bool(issues)
    for issue in issues:
        promises.is_placed(issue, document.text)
    if found is not None:
        promises.is_kept(Catalog("key", settings=found))


def drop_ins(data: bytes) -> None:
    """Files that a NUL separates: what is in force holds together, in whichever order they come."""
    candidates: list[Candidate] = []
    for number, part in enumerate(data.split(b"\0")[:6]):
        name = f"{number}.toml"
        document = _document(name, part)
        fragment = parse_fragment(name, document)[0] if document else None
        if document and fragment:
            candidates.append(_candidate(candidates, name, Version(document, fragment)))
    settled = settle(candidates)
    assert _in_force(settled) == _in_force(settle(reversed(candidates)))
    assert not list(find_contradictions(settled.merged))
    for issue in settled.issues:
        _is_placed_in_a_version(issue, candidates)
    promises.is_kept(Catalog("key", tuple(declare(*item) for item in settled.merged.items()), settled.issues))


def _candidate(others: Sequence[Candidate], name: str, version: Version) -> Candidate:
    """Each third one is what changed; what it was before is what its neighbour says."""
    if len(others) % 3 != 2:
        return Candidate(name, (version,), changed=False)
    before = others[-1].versions[0]
    document = Document(version.document.file, before.document.text)
    fragment = parse_fragment(name, document)[0]
    assert fragment is not None
    return Candidate(name, (version, Version(document, fragment)), changed=True)


def _is_placed_in_a_version(issue: Issue, candidates: Iterable[Candidate]) -> None:
    """What is in force of a file may be what it said last, and then it is told where that stood."""
    documents = (version.document for candidate in candidates for version in candidate.versions)
    promises.is_placed(issue, *(each.text for each in documents if each.file == issue.location.file))


def _in_force(settled: Settled) -> dict[str, str]:
    return {name: version.document.text for name, version in settled.in_force.items()}


def _document(name: str, data: bytes) -> Document | None:
    try:
        return decode(f"/etc/kmodd.d/{name}", data)
    except Invalid as invalid:
        lines = data.decode("utf-8", "replace")
        for issue in invalid.issues:
            promises.is_placed(issue, lines)
        return None


def _keys_are_known(text: str) -> None:
    """The places are those of exactly the keys that tomli finds."""
    try:
        tables = tomli.loads(text)
        places = locate(text)
    except (ValueError, Misplaced, RecursionError):
        return
    paths = set(_paths(tables))
    assert paths == set(places.keys) == set(places.values)


def _paths(value: Any, above: KeyPath = ()) -> Iterator[KeyPath]:
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, inner in pairs:
        yield (*above, key)
        yield from _paths(inner, (*above, key))


def _is_explained(declaration: Declaration, text: str) -> None:
    """Each value stands where its source says."""
    lines = text.split("\n")
    for source in declaration.sources:
        assert _stands(source, lines[source.location.line - 1][source.location.column - 1 :]), source


def _stands(source: Source, rest: str) -> bool:
    """Whether ``rest`` of a line begins with the key; a state that is not given has its table's place."""
    table, _, name = source.key.partition(".")
    wanted = (name or table).replace("-", "_")
    token = rest[: rest.find(rest[0], 1) + 1] if rest[:1] in ("'", '"') else ""
    if token:
        return source.key == "state" or "\\" in token or token[1:-1].replace("-", "_") == wanted
    return source.key == "state" or rest.replace("-", "_").startswith(wanted)


def _is_obeyed(declarations: Sequence[Declaration]) -> None:
    """The generated file says of the declared modules what is declared, and nothing else."""
    modules = [_module(each) for each in declarations]
    infos = {each.name: each.info for each in modules}
    for issue in kernel_issues(declarations, infos, _FACTS.command_line):
        promises.is_shown(issue.message)
        promises.is_shown(issue.hint)
    found = planned(SimulatedKernel(modules), declarations, facts=_FACTS)
    _is_told(found)
    _is_written(found.desired)


def _is_told(found: Planned) -> None:
    """What people are shown of the plan and the modules."""
    for step in found.plan.steps:
        promises.all_shown((step.row.detail, step.row.reason), _LONGEST)
    for status in found.statuses.values():
        promises.all_shown((status.message, status.reason, *status.blockers), _LONGEST)
        promises.all_shown((text for each in status.drift for text in each), _LONGEST)


def _is_written(desired: DesiredState) -> None:
    """Every line of the generated files is read back as what it was made of."""
    rendered = render(desired)
    for text in (rendered.text, rendered.last_text):
        lines = text.removeprefix(HEADER).strip("\n").split("\n") if text else []
        read = list(parse(text.encode(), "00-kmodd.conf"))
        assert len(read) == len(lines), text
        for line in read:
            name = ModuleName(line.subject.decode())
            assert name in desired.modules
            if line.command == "options":
                assert line.argument.decode() == rendered.options[name]
            elif line.command == "install":
                assert line.argument == b"/bin/false"
                assert desired.modules[name].desired is Desired.DENIED
            else:
                assert line.command in ("blacklist", "softdep")


def _module(declaration: Declaration) -> SimulatedModule:
    """A module of this kernel, with a type for each parameter."""
    types = tuple((each.name, _KINDS[len(each.name) % len(_KINDS)]) for each in declaration.parameters)
    info = ModuleInfo(
        declaration.name, path="/lib/modules/x.ko", has_modinfo=True, parameter_types=types, options="a=1 b"
    )
    return SimulatedModule(info, {name: KernelParameter(kind or "int") for name, kind in types[:3]})
