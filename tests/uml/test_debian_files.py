"""The modprobe.d and modules-load.d files of Debian's packages, merged beside ours: nothing else changes."""

import pytest

from tests.support.debian_packages import PackageFiles, lines_of
from tests.support.guest.conditions import FileHolds
from tests.support.modprobe_answers import Declared, Names, Survey, inserted, options, unexpected
from tests.support.uml.machine import Machine
from tests.support.uml.survey import names_in, survey

Packages = tuple[PackageFiles, ...]

OURS = "/etc/modprobe.d/00-kmodd.conf"
LISTS = "/etc/modules-load.d"
MODULES_LOAD = "/lib/systemd/systemd-modules-load"

CATALOG = """
[module.f2fs]
state = "denied"
[module.nfsd]
state = "denied"
[module.zram]
state = "unloaded"
[module.dummy]
parameters = { numdummies = 3 }
[module.scsi_debug]
state = "auto"
parameters = { dev_size_mb = 16, inq_vendor = "Ki Mo" }
[module.ip_vs_rr]
requires = ["ip_vs"]
wants = ["ip_vs_wrr"]
"""
DECLARED = Declared(
    denied=frozenset({"f2fs", "nfsd"}),
    unloaded=frozenset({"zram"}),
    options={
        "dummy": {"numdummies": "3"},
        "scsi_debug": {"dev_size_mb": "16", "inq_vendor": '"Ki Mo"'},
    },
    pulled={"ip_vs_rr": frozenset({"ip_vs", "ip_vs_wrr"})},
)

# Written by hand, as kmodd might, so that the comparison can be seen to hold and to fail.
DENIAL = "# header\nblacklist f2fs\ninstall f2fs /bin/false\nsoftdep f2fs pre:\n"
BY_HAND = f"""{DENIAL}
blacklist nfsd
install nfsd /bin/false
softdep nfsd pre:
blacklist zram
options scsi_debug dev_size_mb=16 inq_vendor="Ki Mo"
softdep ip_vs_rr pre: ip_vs ip_vs_wrr
"""
LATE = "/etc/modprobe.d/zz-kmodd.conf"
DENIED = Declared(denied=frozenset({"f2fs"}))


def put(vm: Machine, packages: Packages) -> None:
    """Copy the packages' files to where an administrator's are, which hide those of the machine below."""
    for package in packages:
        for path in package.modprobe:
            vm.write(f"/etc/modprobe.d/{path.name}", path.read_bytes())
        for path in package.modules_load:
            vm.write(f"{LISTS}/{path.name}", path.read_bytes())


@pytest.fixture(scope="module")
def names(machine: Machine, debian_packages: Packages) -> Names:
    """Every module and alias of the kernel, and what the files name beyond."""
    lines = [line for package in debian_packages for path in package.modprobe for line in lines_of(path)]
    return names_in(machine, (line.split()[1] for line in lines))


@pytest.fixture(scope="module")
def undisturbed(machine: Machine, debian_packages: Packages, names: Names) -> Survey:
    """What holds with the packages' files alone."""
    put(machine, debian_packages)
    found = survey(machine, names)
    machine.reset()
    return found


@pytest.fixture
def debian(vm: Machine, debian_packages: Packages) -> Machine:
    """The machine of the file, with the packages' files in it."""
    put(vm, debian_packages)
    return vm


def load_listed(vm: Machine) -> frozenset[str]:
    """All modules, after systemd has loaded what modules-load.d lists; its status is of missing ones."""
    vm.run(MODULES_LOAD, timeout_s=60)
    return frozenset(vm.modules())


def start_with_catalog(vm: Machine) -> None:
    """Start kmodd, and wait for what it has to say to modprobe."""
    vm.drop("40-catalog.toml", CATALOG)
    vm.start_daemon()
    vm.wait_for(FileHolds(OURS, "^install nfsd "))


# -------------------------------------------------------------------------------- the packages' files


def test_the_survey_is_of_a_whole_kernel(names: Names, undisturbed: Survey) -> None:
    assert len(names.modules) > 850
    assert len(names.aliases) > 1000
    assert sum(query in inserted(answer) for query, answer in undisturbed.by_name.items()) > 850


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        ("md_mod", {"start_ro": "1"}),
        ("nbd", {"max_part": "15"}),
        ("xt_recent", {"ip_list_tot": "16384", "ip_pkt_list_tot": "1", "ip_list_hash_size": "0"}),
        ("bonding", {"max_bonds": "0"}),
        ("ifb", {"numifbs": "0"}),
    ],
)
def test_options_of_the_packages_hold(undisturbed: Survey, module: str, wanted: dict[str, str]) -> None:
    assert options(undisturbed.by_name[module][-1]) == wanted


def test_blacklists_and_commands_of_the_packages_hold(undisturbed: Survey) -> None:
    assert inserted(undisturbed.by_name["nfc"])[-1] == "nfc"
    assert undisturbed.for_udev["nfc"] == ()
    assert undisturbed.by_name["libnvdimm"][-1].startswith("install /usr/bin/ndctl load-keys")


# ----------------------------------------------------------------------------- a file written by hand


def test_nothing_is_unexpected_where_nothing_changed(
    debian: Machine, names: Names, undisturbed: Survey
) -> None:
    assert unexpected(names, undisturbed, survey(debian, names), Declared()) == ()


def test_what_is_loaded_makes_no_difference(debian: Machine, names: Names, undisturbed: Survey) -> None:
    debian.run("modprobe", "--all", "dummy", "ip_vs_rr", "f2fs").check()
    assert unexpected(names, undisturbed, survey(debian, names), Declared()) == ()


def test_files_that_say_what_is_declared_change_that_and_nothing_else(
    debian: Machine, names: Names, undisturbed: Survey
) -> None:
    debian.write(OURS, BY_HAND)
    debian.write(LATE, "options dummy numdummies=3\n")
    after = survey(debian, names)
    assert unexpected(names, undisturbed, after, DECLARED) == ()
    assert after.by_name["f2fs"] == ("install /bin/false",)
    assert after.by_name["fs-f2fs"] == after.for_udev["f2fs"] == after.for_udev["zram"] == ()
    assert inserted(after.by_name["zram"])[-1] == "zram"
    assert inserted(after.by_name["ip_vs_rr"])[-2:] == ("ip_vs_wrr", "ip_vs_rr")


def test_options_of_systemd_override_those_of_a_file_that_sorts_before(
    debian: Machine, names: Names, undisturbed: Survey
) -> None:
    declared = Declared(denied=DENIED.denied, options={"dummy": {"numdummies": "3"}})
    debian.write(OURS, f"{DENIAL}options dummy numdummies=3\n")
    found = unexpected(names, undisturbed, survey(debian, names), declared)
    assert [sentence.split(":")[0] for sentence in found if "numdummies=3 numdummies=0" in sentence]
    assert all("/dummy.ko " in sentence for sentence in found)
    debian.write(OURS, DENIAL)
    debian.write(LATE, "options dummy numdummies=3\n")
    assert unexpected(names, undisturbed, survey(debian, names), declared) == ()


@pytest.mark.parametrize(
    ("added", "found"),
    [
        ("blacklist veth\ninstall veth /bin/false\n", "by_name veth: "),
        ("blacklist veth\n", "for_udev veth: "),
        ("options veth queues=2\n", "queues=2"),
        ("softdep veth pre: ifb\n", "ifb.ko"),
        ("alias fs-f2fs veth\n", "by_name fs-f2fs: "),
        ("options nbd max_part=1\n", "lines about others: ['options nbd max_part=1']"),
        ("install libnvdimm /bin/true\n", "by_name libnvdimm: "),
    ],
)
def test_a_line_about_something_else_is_found(
    debian: Machine, names: Names, undisturbed: Survey, added: str, found: str
) -> None:
    debian.write(OURS, DENIAL + added)
    sentences = unexpected(names, undisturbed, survey(debian, names), DENIED)
    assert [sentence for sentence in sentences if found in sentence], sentences


@pytest.mark.parametrize(
    ("ours", "found"),
    [
        ("blacklist f2fs\n", "by_name f2fs: "),
        ("install f2fs /bin/false\nsoftdep f2fs pre:\n", "by_name fs-f2fs: "),
        ("blacklist f2fs\ninstall f2fs /bin/false\n", "f2fs.ko"),
    ],
)
def test_half_a_denial_is_found(
    debian: Machine, names: Names, undisturbed: Survey, ours: str, found: str
) -> None:
    """libkmod forgets the command of a module that has a softdep, as f2fs has."""
    debian.write(OURS, ours)
    sentences = unexpected(names, undisturbed, survey(debian, names), DENIED)
    assert [sentence for sentence in sentences if found in sentence], sentences


def test_a_file_that_hides_one_of_a_package_is_found(
    debian: Machine, names: Names, undisturbed: Survey
) -> None:
    debian.write("/etc/modprobe.d/mdadm.conf", DENIAL)
    sentences = unexpected(names, undisturbed, survey(debian, names), DENIED)
    assert "lines lost: ['options md_mod start_ro=1']" in sentences


def test_lists_of_modules_to_load_lack_what_is_suppressed_alone(
    debian: Machine, debian_packages: Packages, undisturbed: Survey
) -> None:
    without = load_listed(debian)
    debian.reset()
    put(debian, debian_packages)
    debian.write(OURS, f"{DENIAL}blacklist zram\n")
    with_ours = load_listed(debian)
    assert "zram" in without - with_ours
    assert without - with_ours <= set(inserted(undisturbed.by_name["zram"]))
    assert with_ours <= without


# ---------------------------------------------------------------------------------------------- kmodd


@pytest.mark.shows("P9")
def test_kmodd_changes_what_its_files_name_and_nothing_else(
    debian: Machine, names: Names, undisturbed: Survey
) -> None:
    start_with_catalog(debian)
    after = survey(debian, names)
    assert unexpected(names, undisturbed, after, DECLARED) == ()
    for module in DECLARED.denied:
        assert module not in inserted(after.by_name[module])
        assert after.by_name[f"fs-{module}"] == after.for_udev[module] == ()


def test_kmodd_leaves_the_lists_of_modules_to_load_alone(debian: Machine, undisturbed: Survey) -> None:
    listed = load_listed(debian)
    start_with_catalog(debian)
    found = load_listed(debian)
    assert listed - found <= set(inserted(undisturbed.by_name["zram"]))
    assert DECLARED.denied.isdisjoint(found)
