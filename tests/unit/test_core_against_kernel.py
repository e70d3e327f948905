"""Files held against a kernel: which warnings there are, in which words, and that there are no others."""

import pytest

from kmodd.config.fragment import Document
from kmodd.config.merge import declare, merge
from kmodd.config.parse import parse_fragment
from kmodd.core.against_kernel import KernelCode, kernel_issues
from kmodd.model import ConfLine, Declaration, ModuleInfo
from kmodd.names import ModuleName, module_name
from kmodd.shown import Location

FILE, CONF = "/etc/kmodd.d/a.toml", "/etc/modprobe.d/other.conf"
LAST = "/etc/modprobe.d/zzz.conf"  # after what kmodd generates


def declarations(text: str) -> list[Declaration]:
    fragment, issues = parse_fragment("a.toml", Document(FILE, text))
    assert fragment is not None, issues
    return [declare(name, rows) for name, rows in merge([fragment]).items()]


def info(name: str, *lines: str, **types: str) -> ModuleInfo:
    """A module with parameters and lines of modprobe.d."""
    return ModuleInfo(
        module_name(name),
        f"/lib/modules/{name}.ko",
        has_modinfo=True,
        parameter_types=tuple(types.items()),
        conf_lines=tuple(ConfLine(Location(CONF, n), text) for n, text in enumerate(lines, 1)),
    )


def told(text: str, *infos: ModuleInfo, command_line: tuple[str, ...] = ()) -> list[str]:
    """Issues as one line each."""
    found = kernel_issues(declarations(text), {each.name: each for each in infos}, command_line)
    return [
        f"{issue.severity} {issue.code} {issue.location.line}:{issue.location.column}: "
        f"{issue.message} ({issue.hint})"
        for issue in found
    ]


DUMMY = info("dummy", numdummies="int", small="byte", flag="bool", names="array of charp", odd="")
ABSENT = ModuleInfo(ModuleName("nouvau"), similar=(ModuleName("nouveau"), ModuleName("nova")))
ALIAS = ModuleName("net_pf_10")
IPV6 = ModuleInfo(ALIAS, alias_of=(ModuleName("ipv6"),))


@pytest.mark.parametrize(
    ("text", "infos", "line"),
    [
        (
            '[module.nouvau]\nstate = "denied"',
            (ABSENT._replace(similar=ABSENT.similar[:1]),),
            "warning unknown-module 2:1: this kernel has no module nouvau (did you mean 'nouveau'?)",
        ),
        (
            "[module.nouvau]",
            (ABSENT,),
            "warning unknown-module 1:9: this kernel has no module nouvau "
            "(did you mean 'nouveau' or 'nova'?)",
        ),
        (
            "\n[module.nosuch]\n",
            (ModuleInfo(ModuleName("nosuch")),),
            "warning unknown-module 2:9: this kernel has no module nosuch "
            "(see how it is spelled, and that it is installed for this kernel)",
        ),
        (
            '[module.net-pf-10]\nstate = "denied"\nparameters.x = 1',
            (IPV6,),
            "error alias 2:1: net_pf_10 is not a module but an alias of ipv6 (name ipv6 instead)",
        ),
        (
            "[module.net-pf-10]",
            (IPV6._replace(alias_of=(ModuleName("a"), ModuleName("b"))),),
            "error alias 1:9: net_pf_10 is not a module but an alias of a, b (name the one that is meant)",
        ),
        (
            '[module.dummy]\nafter = ["net-pf-10"]',
            (DUMMY, IPV6),
            "error alias 2:1: 'module.dummy.after' names net_pf_10, which is not a module but an alias of "
            "ipv6 (name ipv6 instead)",
        ),
        (
            '[module.dummy]\nrequires = ["nouvau"]\nafter = ["nouvau"]',
            (DUMMY, ABSENT._replace(similar=ABSENT.similar[:1])),
            "warning unknown-module 2:1: 'module.dummy.requires' names nouvau, which this kernel does not "
            "have (did you mean 'nouveau'?)",
        ),
        (
            "[module.dummy]\nparameters = { num-dumies = 3 }",
            (DUMMY,),
            "warning unknown-parameter 2:16: dummy lists no parameter num_dumies (modinfo), so the kernel "
            "may ignore it (did you mean 'numdummies'?)",
        ),
        (
            "[module.dummy]\nparameters.xyz = 3",
            (DUMMY,),
            "warning unknown-parameter 2:12: dummy lists no parameter xyz (modinfo), so the kernel may "
            "ignore it (known here: flag, names, numdummies, odd, small)",
        ),
        (
            "[module.bare]\nparameters.xyz = 3",
            (info("bare"),),
            "warning unknown-parameter 2:12: bare lists no parameter xyz (modinfo), so the kernel may "
            "ignore it (it lists none)",
        ),
        (
            '[module.dummy]\nparameters.numdummies = "many"',
            (DUMMY,),
            "warning parameter-type 2:12: 'module.dummy.parameters.numdummies' cannot be \"many\": "
            "its type is int (give an integer from -2147483648 to 2147483647)",
        ),
        (
            "[module.dummy]\nparameters.numdummies = true",
            (DUMMY,),
            "warning parameter-type 2:12: 'module.dummy.parameters.numdummies' cannot be true: "
            "its type is int (give an integer from -2147483648 to 2147483647)",
        ),
        (
            "[module.dummy]\nparameters.small = 300",
            (DUMMY,),
            "warning parameter-type 2:12: 'module.dummy.parameters.small' cannot be 300: "
            "its type is byte (give an integer from 0 to 255)",
        ),
        (
            "[module.dummy]\nparameters.flag = 2",
            (DUMMY,),
            "warning parameter-type 2:12: 'module.dummy.parameters.flag' cannot be 2: "
            "its type is bool (give true or false)",
        ),
        (
            "[module.many]\nparameters.index = [1, -1]",
            (info("many", index="array of uint"),),
            "warning parameter-type 2:12: 'module.many.parameters.index' cannot be [1, -1]: "
            "its type is array of uint (give a list, each element an integer from 0 to 4294967295)",
        ),
        (
            "[module.dummy]\nparameters.numdummies = 3",
            (DUMMY._replace(conf_lines=(ConfLine(Location(LAST, 1), "options dummy numdummies=5"),)),),
            "warning overridden-elsewhere 2:12: 'module.dummy.parameters.numdummies' is 3, but "
            f'{LAST}:1 sets it to "5", and that is what modprobe and udev load it with (take it out there)',
        ),
        (
            "[module.dummy]",
            (info("dummy", "install dummy /bin/false"),),
            f"warning install-elsewhere 1:9: {CONF}:1 has an install command for dummy, which modprobe and "
            "udev run in place of a load and kmodd does not: /bin/false "
            "(take the line out, or do not declare the module loaded or auto)",
        ),
    ],
)
def test_what_is_told(text: str, infos: tuple[ModuleInfo, ...], line: str) -> None:
    assert told(text, *infos) == [line]


def test_what_stands_before_the_last_generated_file_is_outdone() -> None:
    lines = info("dummy", "options dummy numdummies=5", numdummies="int")
    assert told("[module.dummy]\nparameters.numdummies = 3", lines) == []


def test_the_command_line_has_the_last_word() -> None:
    text = "[module.dummy]\nparameters.numdummies = 3"
    lines = info("dummy", "options dummy numdummies=5", numdummies="int")
    assert told(text, lines, command_line=("quiet", "dummy.numdummies=0x3")) == []
    assert told(text, lines, command_line=("dummy.numdummies=4",)) == [
        "warning overridden-elsewhere 2:12: 'module.dummy.parameters.numdummies' is 3, but the kernel "
        'command line (dummy.numdummies=4) sets it to "4", and that is what modprobe and udev load it with '
        "(take it out there)"
    ]


@pytest.mark.parametrize(
    ("text", "infos"),
    [
        ("[module.unheard]\nparameters.x = 1", ()),
        (
            "[module.dummy]\nparameters = { numdummies = 3, small = 0xff, flag = 1, names = ['a', 'b'] }",
            (DUMMY,),
        ),
        ("[module.dummy]\nparameters = { odd = 'anything', dyndbg = '+p', async_probe = true }", (DUMMY,)),
        ("[module.dummy]\nparameters.x = 1", (DUMMY._replace(has_modinfo=False, parameter_types=()),)),
        ("[module.core]", (ModuleInfo(ModuleName("core"), builtin=True),)),
        ('[module.dummy]\nafter = ["nouvau"]\nconflicts = ["nouvau"]', (DUMMY, ABSENT)),
        ("[module.dummy]\nparameters.flag = true", (info("dummy", "options dummy flag=1", flag="bool"),)),
        (
            "[module.dummy]\nparameters.a = 2",
            (info("dummy", "options dummy a=1", "options dummy a=2", a="int"),),
        ),
        ("[module.dummy]\nparameters.a = 2", (info("dummy", "options dummy b=1", a="int", b="int"),)),
        (
            '[module.dummy]\nstate = "denied"\nparameters.a = 2',
            (info("dummy", "options dummy a=1", "install dummy /bin/false", a="int"),),
        ),
        ("[module.dummy]", (info("dummy", "blacklist dummy", "softdep dummy pre: x"),)),
    ],
)
def test_what_is_right_is_not_told(text: str, infos: tuple[ModuleInfo, ...]) -> None:
    assert told(text, *infos) == []


def test_issues_come_in_order_of_their_places() -> None:
    text = '[module.nouvau]\n[module.dummy]\nrequires = ["nouvau"]\nparameters = { zzz = 1, small = -1 }'
    assert [line.split()[2] for line in told(text, ABSENT, DUMMY)] == ["1:9:", "3:1:", "4:16:", "4:25:"]


def test_a_declaration_of_unknown_origin_is_judged_too() -> None:
    (issue,) = kernel_issues([Declaration(ABSENT.name)], {ABSENT.name: ABSENT})
    assert issue.location == Location("")


def test_codes_are_stable() -> None:
    assert [code.value for code in KernelCode] == [
        "unknown-module",
        "alias",
        "unknown-parameter",
        "parameter-type",
        "overridden-elsewhere",
        "install-elsewhere",
    ]
