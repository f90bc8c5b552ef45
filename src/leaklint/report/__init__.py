"""Findings made into text, in each of the formats; a format knows nothing of how findings are found or chosen."""
