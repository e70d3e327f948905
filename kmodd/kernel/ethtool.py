"""What the driver of a network interface calls itself (include/uapi/linux/ethtool.h, ETHTOOL_GDRVINFO).

For an interface without a device this is the driver's word, or the kind it was made as (net/ethtool/ioctl.c).

Imported by the loader: nothing heavy in here.
"""

import ctypes
import fcntl
import os
import socket
import struct
from typing import Final

_SIOCETHTOOL: Final = 0x8946
_ETHTOOL_GDRVINFO: Final = 3
_NAME_LIMIT: Final = 16  # IFNAMSIZ
_REQUEST: Final = struct.Struct("16sP16x")  # struct ifreq
_INFO_SIZE: Final = 196  # struct ethtool_drvinfo
_DRIVER: Final = slice(4, 36)


def driver_name(interface: str) -> str:
    """The driver's name; "" where there is no such interface or it has nothing to say."""
    name = os.fsencode(interface)
    if len(name) >= _NAME_LIMIT:
        return ""
    info = ctypes.create_string_buffer(struct.pack("=I", _ETHTOOL_GDRVINFO), _INFO_SIZE)
    # Any socket will do, and this is a family that the unit permits.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as endpoint:
        try:
            fcntl.ioctl(endpoint, _SIOCETHTOOL, _REQUEST.pack(name, ctypes.addressof(info)))
        except OSError:
            return ""
    return info.raw[_DRIVER].partition(b"\0")[0].decode("utf-8", "replace")
