text = t"{a}_{b!r:>{width}}"
