"""What leaklint finds and how long it takes, measured on released packages; see `docs/testing.md`."""
