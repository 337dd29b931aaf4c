"""A recurrent network that captions video clips, trained on a folder of clips with captions."""
