"""Laws that hold for every fixture: what is found, what is repaired, and that every front end says the same."""
