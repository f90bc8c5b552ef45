"""LeakBench: real leaks in released packages, their fixed releases, and correct code that looks alike."""
