"""The independent truth: programs that are executed, with what they leave in their caches."""
