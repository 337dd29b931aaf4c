"""A recurrent language model that continues, completes and scores texts."""
