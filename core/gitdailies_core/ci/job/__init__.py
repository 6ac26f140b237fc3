"""What a job says of itself: the values of its variables, and the inputs that a user set."""
