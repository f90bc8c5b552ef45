"""How fast leaklint is: beside the tools that people know, and as its input grows."""
