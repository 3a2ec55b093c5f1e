"""What policy is asked about a plan."""
