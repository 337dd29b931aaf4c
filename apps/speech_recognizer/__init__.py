"""A recurrent network that recognizes speech, trained on recordings with transcripts."""
