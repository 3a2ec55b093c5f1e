"""Every refusal of publishing, requesting, deleting and planning: how each is provoked, and what it says."""
