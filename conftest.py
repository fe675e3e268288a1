"""Fixtures for the tests of the house and of its packages."""

pytest_plugins = ["tests.fixtures", "tests.house"]
