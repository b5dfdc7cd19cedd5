"""Engines: one kind a file, named by its file."""
