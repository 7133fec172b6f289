"""Labels and splits for pictures."""
