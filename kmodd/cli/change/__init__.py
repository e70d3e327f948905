"""Commands that change something, through the daemon and by files of their own."""
