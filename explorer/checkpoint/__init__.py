"""A model on disk: its weights, programs, card, gallery, gaps and maps."""
