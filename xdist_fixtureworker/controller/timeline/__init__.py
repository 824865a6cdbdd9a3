"""The timeline: writes down what happened when, for every process of a run; controller."""
