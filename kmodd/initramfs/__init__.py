"""What an initramfs holds: read back from its image when that has been written, recorded for the daemon."""
