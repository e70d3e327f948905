"""``make deb``: the Debian package, built and checked in a clean chroot of its suite.

Only the standard library is used: it runs before anything is installed. Tests ask ``deb.build`` for packages.
"""
