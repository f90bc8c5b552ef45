"""How `leaklint fleet` does: two workers against one, memory, and what that makes of thousands of repositories."""
