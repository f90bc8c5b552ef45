"""Many repositories: each read at one revision, checked and repaired apart, told on one page."""
