"""Interactive lab: step through a recurrent network in the browser, change it, and train it."""
