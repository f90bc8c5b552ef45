"""Every way to spell a string out of parts."""

key = f"{ctx.state_id}_r{row_index}_q{query_index}"
key = "%s_r%d" % (ctx.state_id, row)
key = "%(base)s:%(part)05d" % {"base": base, "part": part}
key = "%s" % base
key = "%s_%s" % pair
key = "{}_r{}".format(ctx.state_id, row)
key = "{0.state_id}[{1!r}]{2:>8}".format(ctx, row, query)
key = "{base}{base}".format(base=base)
key = "{}".format(*rows)
key = ctx.state_id + "_r" + str(row)
key = prefix + ctx.state_id + "_end"
key = "_".join([base, "r", str(row)])
key = "_".join((base, row))
key = "_".join(parts)
key = f"{value!r:>{width}}" "⟨literal⟩\n"
key = (base, row)
key = hash((base, f"{row}"))
