"""Tests that share one browser and one studio: fixtures with the scope "package" end with this folder."""
