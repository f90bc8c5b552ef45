"""Match statements."""

match subject:
    case 1 | 2:
        literal()
    case "text":
        literal()
    case -1 as number:
        literal(number)
    case None:
        nothing()
    case Color.RED:
        value()
    case [first, *others]:
        sequence()
    case {"key": found, **more}:
        mapping()
    case Point(x, y=0) if x > 1:
        instance()
    case name if name:
        guarded()
    case _:
        anything()

match a, b:
    case everything:
        pass
