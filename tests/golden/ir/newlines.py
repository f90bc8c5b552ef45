"""Carriage returns, form feeds and characters of several bytes."""

déjà = {"é": vu}
if déjà:
    x = """a
{b}""" + vu
