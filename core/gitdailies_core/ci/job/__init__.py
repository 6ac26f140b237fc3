"""What a job says about itself: the values of its variables, and the inputs that a user set."""
