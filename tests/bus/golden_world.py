"""A fixed set of modules with something of everything, for the pictures of what kmoddctl prints."""

from dataclasses import dataclass

from kmodd.action import ActionKind
from kmodd.model import Desired, Security
from kmodd.names import ModuleName
from kmodd.shown import (
    ActionRow,
    Condition,
    DaemonState,
    Drift,
    Initramfs,
    Issue,
    Location,
    ModuleState,
    ModuleStatus,
    Severity,
    Source,
    Stage,
)
from tests.bus.manager import FakeManager

_BEGUN_US = 1_790_000_000_000_000
_TREE = "/lib/modules/6.1.0-test/kernel"
_STAGES = ("find", "read", "record", "insert", "verify")


def world() -> FakeManager:
    """A kmodd that is degraded, on a kernel that is locked down."""
    return _World(
        held={module.name: module for module in _modules()},
        state=DaemonState.DEGRADED,
        converged=False,
        generation=12,
        initramfs=Initramfs.STALE,
        security=Security("integrity", signatures_enforced=True),
        config_issues=(
            Issue(
                Severity.ERROR,
                "unknown-key",
                "unknown key 'paramters' in [module.loop]",
                "did you mean 'parameters'?",
                Location("/etc/kmodd.d/broken.toml", 4, 2),
            ),
            Issue(
                Severity.WARNING,
                Initramfs.STALE,
                "the initramfs has old settings of nouveau, nvidia",
                "run update-initramfs -u -k all",
                Location(""),
            ),
            Issue(Severity.ERROR, "trouble", "the loader cannot be started: ENOMEM", "", Location("")),
        ),
    )


def quiet() -> FakeManager:
    """A kmodd with nothing to complain of: the modules that are as declared."""
    good = (Condition.IN_SYNC, Condition.DENIED, Condition.CONDITION_UNMET)
    return FakeManager(held={module.name: module for module in _modules() if module.condition in good})


@dataclass
class _World(FakeManager):
    async def plan(self) -> tuple[ActionRow, ...]:
        return (
            ActionRow(ModuleName("f2fs"), ActionKind.UNLOAD, "", "declared denied"),
            ActionRow(ModuleName("ip_vs"), ActionKind.LOAD, "", "needed by ip_vs_rr"),
            ActionRow(ModuleName("ip_vs_rr"), ActionKind.LOAD, "", "declared"),
            ActionRow(
                ModuleName("scsi_debug"),
                ActionKind.WRITE,
                "delay=5 every_nth=0",
                "delay is '9', wanted '5'",
            ),
        )


def _modules() -> tuple[ModuleStatus, ...]:
    return (*_in_order(), *_not_in_order())


def _in_order() -> tuple[ModuleStatus, ...]:
    return (
        _module(
            "cp210x",
            Condition.CONDITION_UNMET,
            "no matching device is present (subsystem=usb idVendor=10c4)",
            state=ModuleState.NOT_LOADED,
            memory_bytes=0,
        ),
        _module(
            "dummy",
            Condition.IN_SYNC,
            "declared",
            desired_parameters={"numdummies": "3"},
            parameters={"numdummies": "3"},
            sources=(
                Source("state", '"loaded"', Location("/etc/kmodd.d/10-dummy.toml", 1, 1)),
                Source("parameters.numdummies", "3", Location("/etc/kmodd.d/10-dummy.toml", 2, 1)),
            ),
            **_load(0, 2_300),
        ),
        _module("ip_vs", Condition.IN_SYNC, "needed by ip_vs_rr", desired="", **_load(4_100, 18_750)),
        _module(
            "libcrc32c",
            Condition.IN_SYNC,
            "needed by ip_vs, nf_conntrack",
            desired="",
            memory_bytes=16_384,
            **_load(2_900, 800),
        ),
        _module(
            "nouveau",
            Condition.DENIED,
            "not in the kernel, and refused by its name and 4 aliases",
            desired=Desired.DENIED,
            state=ModuleState.NOT_LOADED,
            memory_bytes=0,
            reason="this host runs the vendor driver",
        ),
    )


def _not_in_order() -> tuple[ModuleStatus, ...]:
    return (
        _module(
            "f2fs",
            Condition.DENIED_BUT_LOADED,
            "in use by mount /srv/phone, loop0",
            desired=Desired.DENIED,
            blockers=("mount /srv/phone", "swap on /dev/loop0p2"),
            memory_bytes=827_392,
        ),
        _module(
            "ip_vs_rr",
            Condition.WAITING_FOR_DEPENDENCY,
            "it goes after nf_conntrack, which is loading: its init has not returned yet",
            state=ModuleState.NOT_LOADED,
            memory_bytes=0,
            dependencies=(ModuleName("ip_vs"), ModuleName("libcrc32c")),
            sources=(
                Source("requires", '["ip_vs"]', Location("/etc/kmodd.d/40-network.toml", 5, 1)),
                Source("after", '["nf_conntrack"]', Location("/etc/kmodd.d/40-network.toml", 6, 1)),
            ),
        ),
        _failed(),
        _module(
            "snd_hda_intel_with_a_very_long_name_of_fifty_five_chars",
            Condition.BACKING_OFF,
            "no-memory: the kernel has no memory for it now (ENOMEM); it is tried again",
            state=ModuleState.NOT_LOADED,
            memory_bytes=0,
        ),
        _drifted(),
    )


def _failed() -> ModuleStatus:
    return _module(
        "nvidia",
        Condition.FAILED,
        "bad-parameter: its init function failed with EINVAL, most likely for the value of a parameter "
        "(NVreg_EnableGpuFirmware); compare with `modinfo -p`",
        state=ModuleState.NOT_LOADED,
        memory_bytes=0,
        failure_count=3,
        next_retry_us=0,
        path=f"{_TREE}/drivers/video/nvidia.ko.xz",
        vermagic="6.0.9 SMP preempt mod_unload",
        vermagic_matches=False,
        taint="PO",
        kernel_messages=(
            "nvidia: loading out-of-tree module taints kernel.",
            "nvidia: module license 'NVIDIA' taints kernel. Disabling lock debugging due to kernel taint",
            "nvidia: `77' invalid for parameter `NVreg_EnableGpuFirmware'",
        ),
    )


def _drifted() -> ModuleStatus:
    network = "/etc/kmodd.d/40-storage.toml"
    return _module(
        "zfs",
        Condition.RELOAD_PENDING,
        "zfs_arc_max is '0', wanted '8589934592'; a reload waits for mount /tank",
        desired=Desired.AUTO,
        reason="the database has the rest of the memory",
        parameters={"zfs_arc_max": "0", "zfs_arc_min": "0", "zfs_txg_timeout": "5"},
        desired_parameters={"zfs_arc_max": "8589934592", "zfs_txg_timeout": "5", "spl_hostid": "77"},
        drift=(Drift("zfs_arc_max", "8589934592", "0"),),
        refcount=7,
        holders=(ModuleName("zfs_helper"),),
        dependencies=tuple(map(ModuleName, ("spl", "icp", "zcommon", "znvpair", "zlua", "zavl", "zunicode"))),
        blockers=("mount /tank", "mount /tank/home/somebody/with/a/long/path", "unattributed: 3"),
        memory_bytes=5_349_376,
        path=f"{_TREE}/extra/zfs.ko",
        version="2.1.11-1",
        srcversion="0123456789ABCDEF0123456",
        vermagic="6.1.0-test SMP mod_unload",
        signer="Debian Secure Boot CA",
        sources=(
            Source("state", '"auto"', Location(network, 8, 1)),
            Source("parameters.zfs_arc_max", "8589934592", Location(network, 9, 1)),
            Source("replaced parameters.zfs_arc_max", "0", Location("/usr/lib/kmodd.d/20-zfs.toml", 3, 1)),
            Source(
                "reason",
                '"the database has the rest of the memory"',
                Location("/etc/kmodd.d/40-storage.toml", 7),
            ),
            Source("modprobe.d", "options zfs zfs_arc_min=0", Location("/etc/modprobe.d/zfs.conf", 1)),
        ),
        **_load(11_500_000, 431_000),
    )


def _module(name: str, condition: Condition, message: str, **facts: object) -> ModuleStatus:
    common = {"desired": Desired.LOADED, "state": ModuleState.LOADED, "memory_bytes": 40_960}
    return ModuleStatus(
        ModuleName(name),
        condition=condition,
        message=message,
        **{**common, **facts},  # type: ignore[arg-type]
    )


def _load(after_us: int, took_us: int) -> dict[str, object]:
    """A load that began so long after the first one."""
    parts = (took_us // 10, took_us // 5, 50, took_us // 2, took_us // 20)
    return {
        "loaded_us": _BEGUN_US + after_us + took_us,
        "load_duration_us": took_us,
        "stages": tuple(map(Stage, _STAGES, parts)),
    }
