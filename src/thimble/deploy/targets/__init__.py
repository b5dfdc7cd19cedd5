"""Where bundles run, one target a file."""
