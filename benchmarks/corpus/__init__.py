"""The corpus: released packages that leaklint is run on, and what a reader says of each finding."""
