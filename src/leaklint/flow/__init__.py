"""The walk: executes functions symbolically and records what is inserted, evicted and left at every exit."""
