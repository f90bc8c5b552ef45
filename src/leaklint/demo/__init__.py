"""The demonstration: finds the reference leak, repairs it, and shows by running both sides that the repair holds."""
