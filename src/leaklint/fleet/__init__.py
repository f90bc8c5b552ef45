"""Many repositories: each read at one revision, checked and repaired apart, told on one page."""

SECONDS = 300
"""How long one file may take, if nobody says otherwise."""
