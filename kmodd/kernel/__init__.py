"""What touches the kernel: reading /proc and /sys, libkmod, and the loader with its children."""
