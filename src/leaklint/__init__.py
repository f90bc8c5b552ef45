"""leaklint: finds entries that are put into a long-lived mapping and never taken out again."""

__version__ = "0.1.0"
