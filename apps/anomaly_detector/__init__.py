"""Learn the normal behaviour of sensors, and raise alarms on the rest."""
