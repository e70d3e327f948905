"""Every address, name and path on the bus, in one place (D-Bus specification, org.kmodd1(5))."""

from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import MAX_LENGTH, ModuleName, is_module_name, printable

SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
SERVICE = "org.kmodd1"
MANAGER_INTERFACE = "org.kmodd1.Manager"
MODULE_INTERFACE = "org.kmodd1.Module"
MANAGER_PATH = "/org/kmodd1"
MODULE_ROOT = "/org/kmodd1/module"
MANAGE_ACTION = "org.kmodd1.manage"

BUS = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"
PEER = "org.freedesktop.DBus.Peer"
PROPERTIES = "org.freedesktop.DBus.Properties"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"

POLKIT = "org.freedesktop.PolicyKit1"
POLKIT_PATH = "/org/freedesktop/PolicyKit1/Authority"
POLKIT_INTERFACE = "org.freedesktop.PolicyKit1.Authority"

UNKNOWN_OBJECT = "org.freedesktop.DBus.Error.UnknownObject"
UNKNOWN_INTERFACE = "org.freedesktop.DBus.Error.UnknownInterface"
UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"
UNKNOWN_PROPERTY = "org.freedesktop.DBus.Error.UnknownProperty"
PROPERTY_READ_ONLY = "org.freedesktop.DBus.Error.PropertyReadOnly"
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
LIMITS_EXCEEDED = "org.freedesktop.DBus.Error.LimitsExceeded"
NOT_SUPPORTED = "org.freedesktop.DBus.Error.NotSupported"
ACCESS_DENIED = "org.freedesktop.DBus.Error.AccessDenied"


def module_path(name: ModuleName) -> str:
    """Object path of a module; every letter of a canonical name may stand in a path."""
    return f"{MODULE_ROOT}/{name}"


def module_of_path(path: str) -> ModuleName:
    """Module that an object path names; raises INVALID_ARGUMENT for any other path."""
    root, _, name = path.rpartition("/")
    if root != MODULE_ROOT or "-" in name or not is_module_name(name):
        raise KmoddError(
            ErrorKind.INVALID_ARGUMENT,
            f"{printable(path[:200])!r} is not the object of a module",
            f"it begins with {MODULE_ROOT}/ and ends with a name of at most {MAX_LENGTH} letters",
        )
    return ModuleName(name)
