"""Commands that print measured figures; none of them runs with the tests."""
