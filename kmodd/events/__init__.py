"""Hints that something changed: uevents, inotify, and the trigger that gathers them."""
