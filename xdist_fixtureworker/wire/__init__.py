"""What crosses between the processes of a run; pure, and so the same in each of them."""
