"""Where may a request go, and what comes next: the plan, its reasons, and each step from attempt to attempt."""
