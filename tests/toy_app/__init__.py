"""An app that trains in a second, for tests of the machinery that all apps share."""
