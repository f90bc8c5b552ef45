"""Breaks leaklint's code in small ways and asks whether the tests notice."""
