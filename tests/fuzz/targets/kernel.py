"""What the kernel, modprobe.d and the module tree say."""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache

from kmodd.core.conditions import unmet
from kmodd.core.explain import mentioned, said_elsewhere, settings
from kmodd.core.switches import switches
from kmodd.kernel import inventory, procfs, sysfs
from kmodd.kernel.conf_files import line_row
from kmodd.kernel.kallsyms import init_functions
from kmodd.kernel.kmsg import TEXT_LIMIT, parse_record
from kmodd.kernel.libkmod import Context, Library, text
from kmodd.kernel.modprobe_d import Lines, parse, softdeps
from kmodd.kernel.patterns import concrete, matches
from kmodd.kernel.similar import SimilarNames
from kmodd.kernel.users import users_of
from kmodd.kernel.wire import Places, decode_places, decode_request, encode_places, encode_request
from kmodd.model import ConfLine, Facts, ModuleInfo, When
from kmodd.names import ModuleName, is_module_name, is_parameter_name, printable
from kmodd.shown import Location
from tests.fuzz import promises
from tests.support.kernel_parameters import parse_arguments

_ROOT = promises.scratch()
_STATES = {"loaded": "Live", "loading": "Loading", "unloading": "Unloading"}
_LOOP = ModuleName("loop")
_INT = 2**31
_NAMES = ("m", "m_x", "n")
_LIBRARY = Library()


def modules(data: bytes) -> None:
    """Names and numbers that go over the bus, and the same again from a line as the kernel writes it."""
    found = procfs.parse_modules(promises.text(data))
    for name, module in found.items():
        assert is_module_name(name)
        assert all(map(is_module_name, module.holders))
        assert 0 <= module.refcount < _INT
        assert 0 <= module.memory_bytes < 2**64
    lines = [
        f"{name} {each.memory_bytes} {each.refcount} "
        f"{''.join(f'{holder},' for holder in each.holders)}{'[permanent],' * each.permanent}"
        f"{'' if each.holders or each.permanent else '-'} {_STATES[each.state]} 0x0"
        f"{f' ({each.taint})' * bool(each.taint)}"
        for name, each in found.items()
    ]
    assert procfs.parse_modules("\n".join(lines)) == found


def command_line(data: bytes) -> None:
    """Words without a blank outside of quotes; what comes before a NUL is the line, then come conditions."""
    line, *conditions = data.split(b"\0")
    (_ROOT / "cmdline").write_bytes(line)
    words = procfs.read_command_line(str(_ROOT))
    if line.isascii() and b"--" not in line:
        given = parse_arguments(line.decode().rstrip("\n"))
        spoken = [name if value is None else f"{name}={value}" for name, value in given]
        assert list(words) == [printable(word) for word in spoken]
    assert len(words) <= len(line)
    promises.all_shown(words, 4 * len(line) + 1)
    found = switches(words)
    assert all(map(is_module_name, (*found.skipped, *found.barred)))
    info = ModuleInfo(_LOOP)
    rows = said_elsewhere(info, words)
    assert not rows or _LOOP in mentioned(words)
    list(settings(rows))
    release, *entries = map(promises.text, conditions or [b""])
    facts = Facts(release, "x86_64", "", words, dmi={"sys_vendor": release})
    for entry in entries:
        for when in (When(kernel=(entry,)), When(kernel_command_line=(entry,)), When(dmi=(entry,))):
            promises.is_shown(unmet(when, facts), 12 * len(entry) + 60)
        fnmatchcase(release, entry)


def users(data: bytes) -> None:
    """Rows for a person, an end to them, and small numbers."""
    names = ("mountinfo", "swaps", "devices", "net/protocols", "flags")
    for name, content in zip(names, promises.parts(data, len(names)), strict=True):
        places = {"mountinfo": "1/mountinfo", "flags": "class/net/eth0/flags"}
        path = _ROOT / places.get(name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    wanted = ("ext4", "loop", "tcp_x")
    places_ = Places(sys=str(_ROOT), proc=str(_ROOT))
    found = users_of(places_, wanted, lambda alias: (alias.rpartition("-")[2],), lambda _name: "loop")
    assert found.keys() == set(wanted)
    for rows in found.values():
        assert len(rows) <= 33 * len({kind for kind, _, _ in rows})
        promises.all_shown((shown for _, shown, _ in rows), 256)
        assert all(references >= 0 for _, _, references in rows)
    sysfs.read_lockdown(str(_ROOT))


def kallsyms(data: bytes) -> None:
    """At most so many names of functions."""
    (_ROOT / "kallsyms").write_bytes(data)
    found = init_functions(str(_ROOT), ("loop", "virtio_net"))
    assert found.keys() == {"loop", "virtio_net"}
    for functions in found.values():
        assert len(functions) <= 16
        promises.all_shown(functions, 128)


def kmsg(data: bytes) -> None:
    """Not a record, or a line of the kernel that can be shown."""
    record = parse_record(data)
    if record is not None:
        promises.is_shown(record.text, TEXT_LIMIT)
        assert 0 <= record.level <= 7


def modprobe_d(data: bytes) -> None:
    """Lines that say what they said when they are written down again."""
    lines = list(parse(data, "f"))
    numbers = [line.number for line in lines]
    assert numbers == sorted(set(numbers))
    assert all(0 < number <= data.count(b"\n") + 1 for number in numbers)
    for line in lines:
        (again,) = parse(line.text.replace(b"\\", b"\\\\") + b"\n", "f")
        assert again._replace(number=line.number) == line
        row = line_row(line)
        promises.is_shown(row["text"], 400)
        rows = said_elsewhere(ModuleInfo(_LOOP, conf_lines=(ConfLine(Location("f", 1), row["text"]),)), ())
        assert len(rows) == 1
        list(settings(rows))
        names = softdeps(line.argument)
        assert all(name.split() == [name] for name in (*names.before, *names.after))
    by_module = Lines(lines, matches)
    for line in lines:
        about = by_module.about(line.subject.decode("utf-8", "surrogateescape"))
        if line.command in ("options", "blacklist"):
            assert line in about


def libkmod(data: bytes) -> None:
    """What libkmod has in force of a file is what the lines say that we find in it."""
    path = _ROOT / "f.conf"
    path.write_bytes(data)
    if data.endswith(b"\\"):
        return  # kmod 30 makes another byte of it
    lines = list(parse(data, str(path)))
    with Context(_LIBRARY, "/nowhere", (str(path),)) as context:
        assert _known(context.blacklist()) == _known(
            {text(e.subject) for e in lines if e.command == "blacklist"}
        )
        for name in _NAMES:
            found = [
                each.argument for each in lines if (each.command, each.subject) == ("options", name.encode())
            ]
            expected = [*(text(each.replace(b"\t", b" ")) for each in found), _options_without(name)]
            with context.module(name) as module:
                assert module.options == " ".join(filter(None, expected))


@cache
def _options_without(name: str) -> str:
    """What the kernel's command line gives to a module without any file."""
    with Context(_LIBRARY, "/nowhere", ()) as context, context.module(name) as module:
        return module.options


def _known(names: Iterable[str]) -> set[str]:
    return set(_NAMES).intersection(names)


def module_file(data: bytes) -> None:
    """Keys and values of a module, as libkmod hands them over, and names of the module tree."""
    info, tree, pattern = promises.parts(data, 3)
    pairs = [(text(key), text(value)) for key, _, value in (e.partition(b"=") for e in info.split(b"\n"))]
    types = inventory._parameter_types(pairs)
    assert all(is_parameter_name(name) for name, _ in types)
    promises.all_shown((kind for _, kind in types), 64)
    promises.all_shown(inventory.aliases(pairs), 1024)
    for alias in (*inventory.aliases(pairs), promises.text(pattern)):
        assert len(concrete(alias)) <= len(alias)
        matches(alias.encode(), concrete(alias).encode())
    for name in ("modules.dep", "modules.builtin"):
        (_ROOT / name).write_bytes(tree)
    assert all(map(is_module_name, SimilarNames(str(_ROOT)).to("loop")))


def loader(data: bytes) -> None:
    """A request or ValueError; and what daemon and loader say to each other comes through as it was."""
    request = promises.value_of(decode_request, data, refusals=(ValueError,))
    if request is not None and request.number >= 0:
        body = promises.value_of(json.loads, request.body, refusals=(ValueError, RecursionError))
        if isinstance(body, dict) and body == body:  # noqa: PLR0124  no NaN
            again = decode_request(encode_request(request.number, request.verb, body))
            assert (again.number, again.verb) == request[:2]
            assert json.loads(again.body) == body
    texts = tuple(part.decode("utf-8", "surrogateescape") for part in promises.parts(data, 4))
    places = Places(texts[0], texts[1], module_tree=texts[2], modprobe_dirs=texts[3:])
    assert decode_places(encode_places(places)) == places
