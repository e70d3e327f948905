"""One file for each part of kmodd. A target may be called any number of times in one process."""
