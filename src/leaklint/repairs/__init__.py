"""Repairs: changes to statements and expressions, as edits that touch nothing else, with their proof."""
