"""Who uses a module, out of a /proc and a /sys of our own."""

import os
from pathlib import Path

import pytest

from kmodd.kernel.users import users_of
from kmodd.kernel.wire import Places, UserRow


class Machine:
    """/proc and /sys below ``base``, filled as a test needs it."""

    def __init__(self, base: Path) -> None:
        self.proc, self.sys = base / "proc", base / "sys"
        self.aliases: dict[str, tuple[str, ...]] = {}
        self.drivers: dict[str, str] = {}

    def write(self, path: Path, text: str | bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def link(self, path: Path, target: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        target.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def mounts(self, *lines: str, of: str = "1") -> None:
        self.write(self.proc / of / "mountinfo", "".join(f"{line}\n" for line in lines))

    def block(self, number: str, where: str, *, partition: bool = False) -> None:
        """A block device at devices/WHERE."""
        device = self.sys / "devices" / where
        self.link(self.sys / "dev/block" / number, device)
        self.link(self.sys / "class/block" / device.name, device)
        self.write(device / "dev", f"{number}\n")
        if partition:
            self.write(device / "partition", "1\n")

    def driver(self, where: str, module: str, name: str = "some") -> None:
        """The driver of the device at devices/WHERE, which is of ``module``."""
        driver = self.sys / "bus/pci/drivers" / name
        self.link(self.sys / "devices" / where / "driver", driver)
        self.link(driver / "module", self.sys / "module" / module)

    def users(self, *names: str) -> dict[str, list[UserRow]]:
        return users_of(
            Places(proc=str(self.proc), sys=str(self.sys)),
            names,
            lambda alias: self.aliases.get(alias, ()),
            lambda name: self.drivers.get(name, ""),
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_where_nothing_is_nobody_uses_anything(machine: Machine) -> None:
    assert machine.users("loop", "ext4") == {"loop": [], "ext4": []}
    assert machine.users() == {}


# ------------------------------------------------------------------------------- mounts


def test_a_file_system_is_known_by_its_name_or_its_alias(machine: Machine) -> None:
    machine.mounts(
        "36 35 98:0 / /mnt rw,noatime shared:1 - f2fs /dev/x rw",
        "37 35 98:1 / /a\\040b\\134c rw - ext3 /dev/y rw",
        "38 35 0:44 / /home rw - fuse.sshfs host:/\\033[2J rw",
        "39 35 0:45 / /iso rw - iso-9660 none rw",
    )
    machine.aliases = {"fs-ext3": ("ext4",), "fs-fuse": ("fuse",)}
    assert machine.users("f2fs", "ext4", "fuse", "iso_9660") == {
        "f2fs": [("mount", "the mount on /mnt (f2fs)", 1)],
        "ext4": [("mount", "the mount on /a b\\c (ext3)", 1)],
        "fuse": [("mount", "the mount on /home (fuse.sshfs)", 1)],
        "iso_9660": [("mount", "the mount on /iso (iso-9660)", 1)],
    }


def test_a_superblock_holds_once_however_often_it_is_mounted(machine: Machine) -> None:
    machine.mounts(
        "36 35 98:0 / /a rw - f2fs /dev/x rw",
        "37 35 98:0 /sub /b rw - f2fs /dev/x rw",
        "38 35 98:1 / /c rw - f2fs /dev/y rw",
    )
    assert [references for _, _, references in machine.users("f2fs")["f2fs"]] == [1, 0, 1]


def test_a_mount_uses_the_device_it_is_on(machine: Machine) -> None:
    machine.block("7:0", "virtual/block/loop0")
    machine.block("259:3", "virtual/block/loop0/loop0p1", partition=True)
    machine.mounts(
        "36 35 7:0 / /a rw - f2fs /dev/loop0 rw",
        "37 35 259:3 / /b rw - f2fs /dev/loop0p1 rw",
        "38 35 0:50 / /c rw - btrfs /dev/loop0 rw",
    )
    machine.aliases = {"block-major-7-0": ("loop",)}
    assert machine.users("loop")["loop"] == [
        ("mount", "the mount on /a (f2fs on /dev/loop0)", 1),
        ("mount", "the mount on /b (f2fs on /dev/loop0p1)", 1),
        ("mount", "the mount on /c (btrfs on /dev/loop0)", 1),
    ]


def test_what_lies_under_a_disk_is_used_but_not_counted(machine: Machine) -> None:
    machine.block("8:1", "pci0/0:1/host0/0:0:0:0/block/sda/sda1", partition=True)
    machine.block("8:0", "pci0/0:1/host0/0:0:0:0/block/sda")
    machine.driver("pci0/0:1/host0/0:0:0:0", "sd_mod", "sd")
    machine.driver("pci0/0:1", "ahci", "ahci")
    machine.mounts("36 35 8:1 / / rw - ext4 /dev/sda1 rw")
    text = "the mount on / (ext4 on /dev/sda1)"
    assert machine.users("sd_mod", "ahci") == {
        "sd_mod": [("mount", text, 1)],
        "ahci": [("mount", text, 0)],
    }


def test_a_driver_that_does_not_name_its_module_is_taken_by_its_own_name(machine: Machine) -> None:
    machine.block("8:0", "pseudo_0/adapter0/block/sda")
    machine.link(
        machine.sys / "devices/pseudo_0/adapter0/driver", machine.sys / "bus/pseudo/drivers/scsi-debug"
    )
    machine.mounts("36 35 8:0 / / rw - ext4 /dev/sda rw")
    assert machine.users("scsi_debug")["scsi_debug"] == [("mount", "the mount on / (ext4 on /dev/sda)", 1)]


def test_lines_that_are_no_mounts(machine: Machine) -> None:
    machine.mounts(
        "", "x", "36 35 98:0 / /a rw", " - f2fs", "1 2 x:y / /odd rw - f2fs /dev/q rw", "1 2 3 4 5 - f2fs q"
    )
    assert machine.users("f2fs")["f2fs"] == [("mount", "the mount on /odd (f2fs)", 1)]


def test_a_source_with_a_nul_is_no_device(machine: Machine) -> None:
    machine.mounts("1 2 0:7 / /mnt rw - f2fs /dev/a\\000b rw")
    assert machine.users("f2fs")["f2fs"] == [("mount", "the mount on /mnt (f2fs)", 1)]


def test_a_kind_is_bounded_and_the_rest_is_counted(machine: Machine) -> None:
    machine.mounts(*(f"1 2 9:{number} / /{number} rw - f2fs x rw" for number in range(50)))
    rows = machine.users("f2fs")["f2fs"]
    assert len(rows) == 33
    assert rows[-1] == ("mount", "and 18 more", 18)


# ------------------------------------------------------------------------------- swap


def test_swap_on_a_block_device_and_not_in_a_file(machine: Machine) -> None:
    machine.write(
        machine.proc / "devices", "Character devices:\n253 zram\n\nBlock devices:\n253 zram\n254 z-ram\n"
    )
    machine.block("253:0", "virtual/block/zram0")
    machine.block("254:0", "virtual/block/other")
    machine.write(
        machine.proc / "swaps",
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        "/dev/zram0                              partition\t8388604\t\t0\t\t100\n"
        "/dev/other partition 1 0 1\n"
        "/swap\\040file                             file\t\t1\t\t0\t\t-2\n\n",
    )
    assert machine.users("zram", "z_ram") == {
        "zram": [("swap", "swap on /dev/zram0", 1)],
        "z_ram": [("swap", "swap on /dev/other", 1)],
    }


def test_the_name_of_a_device_is_the_last_resort(machine: Machine) -> None:
    machine.block("253:0", "virtual/block/zram0")
    machine.write(machine.proc / "swaps", "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 1\n")
    assert machine.users("zram")["zram"] == [("swap", "swap on /dev/zram0", 1)]


# ------------------------------------------------------------------------------- processes


def _process(machine: Machine, pid: int, name: str, *targets: str) -> None:
    machine.write(machine.proc / str(pid) / "comm", f"{name}\n")
    for number, target in enumerate(targets):
        link = machine.proc / str(pid) / "fd" / str(number)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(target)


def test_a_process_with_a_device_node_open(machine: Machine) -> None:
    """The numbers are those of the real nodes, what stands behind them is ours."""
    status = os.stat("/dev/null")
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    device = machine.sys / "devices/virtual/misc/watchdog"
    machine.link(machine.sys / "dev/char" / number, device)
    machine.link(device / "subsystem", machine.sys / "class/misc-things")
    machine.aliases = {f"char-major-{number.replace(':', '-')}": ("softdog",)}
    _process(machine, 12, "cat\x1b", "/dev/null", "/dev/null", "/dev/zero", "/nowhere", str(machine.proc))
    _process(machine, 7, "sh", "/dev/null")
    machine.write(machine.proc / "not-a-process/fd/0", "")
    assert machine.users("softdog", "watchdog", "misc_things") == {
        "softdog": [
            ("open", "cat\\x1b (process 12), which has /dev/null open", 2),
            ("open", "sh (process 7), which has /dev/null open", 1),
        ],
        "watchdog": [
            ("open", "cat\\x1b (process 12), which has /dev/null open", 2),
            ("open", "sh (process 7), which has /dev/null open", 1),
        ],
        "misc_things": [
            ("open", "cat\\x1b (process 12), which has /dev/null open", 0),
            ("open", "sh (process 7), which has /dev/null open", 0),
        ],
    }


def test_sockets_by_their_protocol(machine: Machine) -> None:
    machine.write(
        machine.proc / "net/protocols",
        "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io\n"
        "SCTPv6    1792      2       5   no       0   yes  sctp        y  n  y  y  y\n"
        "SCTP      1600      0       5   no       0   yes  sctp        y  n  y  y  y\n"
        "TCP       1600      9       5   no       0   yes  kernel      y  n  y  y  y\n"
        "broken    1\n",
    )
    assert machine.users("sctp", "kernel_of_ours")["sctp"] == [("open", "2 sockets of SCTPv6", 2)]


@pytest.mark.parametrize("digits", ["9" * 5000, "\N{ARABIC-INDIC DIGIT FIVE}", "-1"])
def test_a_number_that_the_kernel_never_writes_counts_nothing(machine: Machine, digits: str) -> None:
    machine.write(machine.proc / "net/protocols", f"SCTP 1600 {digits} 5 no 0 yes sctp y\n")
    machine.write(machine.proc / "devices", f"Block devices:\n{digits} sctp\n")
    assert machine.users("sctp") == {"sctp": []}


# ------------------------------------------------------------------------------- interfaces, devices


def _interface(machine: Machine, where: str, flags: str) -> None:
    device = machine.sys / "devices" / where
    machine.write(device / "flags", f"{flags}\n")
    machine.link(machine.sys / "class/net" / device.name, device)


def test_an_interface_that_is_up(machine: Machine) -> None:
    _interface(machine, "pci0/0:3/net/eth0", "0x1003")
    _interface(machine, "pci0/0:4/net/eth1", "0x1002")
    _interface(machine, "virtual/net/dummy0", "0xc3")
    _interface(machine, "virtual/net/bond0", "0x1")
    _interface(machine, "virtual/net/odd", "up")
    machine.write(machine.sys / "class/net/bonding_masters", "bond0\n")
    machine.driver("pci0/0:3", "e1000e", "one")
    machine.driver("pci0/0:4", "e1000e", "two")
    machine.drivers = {"dummy0": "dummy", "bond0": "bond", "odd": "dummy"}
    machine.aliases = {"rtnl-link-bond": ("bonding",)}
    assert machine.users("e1000e", "dummy", "bonding") == {
        "e1000e": [("interface", "network interface eth0, which is up", 0)],
        "dummy": [("interface", "network interface dummy0, which is up", 0)],
        "bonding": [("interface", "network interface bond0, which is up", 0)],
    }


def test_devices_that_are_bound(machine: Machine) -> None:
    driver = machine.sys / "bus/pci/drivers/e1000e"
    machine.link(machine.sys / "module/e1000e/drivers/pci:e1000e", driver)
    machine.link(driver / "0000:00:02.0", machine.sys / "devices/pci0/0000:00:02.0")
    machine.link(driver / "module", machine.sys / "module/e1000e")
    machine.write(driver / "bind", "")
    assert machine.users("e1000e")["e1000e"] == [("device", "device 0000:00:02.0 (driver e1000e)", 0)]


def test_a_link_out_of_sys_leads_to_nothing(machine: Machine, tmp_path: Path) -> None:
    machine.link(machine.sys / "dev/block/8:0", tmp_path / "elsewhere/sda")
    machine.link(tmp_path / "elsewhere/sda/driver/module", tmp_path / "elsewhere/ahci")
    machine.mounts("36 35 8:0 / / rw - ext4 /dev/sda rw")
    assert machine.users("ahci") == {"ahci": []}


def test_where_the_mounts_of_init_cannot_be_read_our_own_are_taken(machine: Machine) -> None:
    machine.block("259:1", "pci0/nvme0")
    machine.driver("pci0", "nvme")
    machine.mounts("2 1 259:1 / /home rw - ext4 /dev/nvme0 rw", of="self")
    own = machine.users("nvme")
    machine.mounts("3 1 259:1 / /srv rw - ext4 /dev/nvme0 rw")
    assert (own, machine.users("nvme")) == (
        {"nvme": [("mount", "the mount on /home (ext4 on /dev/nvme0)", 1)]},
        {"nvme": [("mount", "the mount on /srv (ext4 on /dev/nvme0)", 1)]},
    )
