"""The least service that dbus-python and GLib, which firewalld and tuned are built on, can be.

Usage: glib_service.py ADDRESS, with the interpreter that has them. Says "ready" when it owns its name.
"""

import sys
from importlib import import_module

# Debian's, for its own interpreter: nothing that this checkout has or knows types of.
dbus = import_module("dbus")
import_module("dbus.mainloop.glib")
import_module("dbus.service")
GLib = import_module("gi.repository.GLib")

NAME, PATH = "org.kmodd1.test", "/org/kmodd1/test"


class Service(dbus.service.Object):  # type: ignore[misc, name-defined]
    """One object with one property."""

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="ss", out_signature="v")  # type: ignore[untyped-decorator]
    def Get(self, _interface: str, _name: str) -> str:
        """Any property."""
        return "0.1.0"


bus = dbus.bus.BusConnection(sys.argv[1], mainloop=dbus.mainloop.glib.DBusGMainLoop())
name = dbus.service.BusName(NAME, bus)
service = Service(name, PATH)
print("ready", flush=True)
GLib.MainLoop().run()
