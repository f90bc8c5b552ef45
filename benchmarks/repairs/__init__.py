"""What share of the findings is repaired in released packages, and what the packages' own tests say of it."""
