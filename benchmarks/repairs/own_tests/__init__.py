"""Runs the tests that a package brings along, before and after leaklint has repaired it."""
