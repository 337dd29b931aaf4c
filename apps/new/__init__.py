"""Copy an app, with what it needs, into a project of its own."""
