"""Programs that nobody wrote: what leaklint does with them must be harmless, whatever it finds."""
