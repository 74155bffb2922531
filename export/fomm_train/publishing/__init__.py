"""From a finished run to what the packages carry."""
