"""A recurrent network that writes down speech, trained on recordings with their texts."""
