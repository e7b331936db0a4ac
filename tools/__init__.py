"""What is made for tests and benchmarks: libraries of made-up faces, and the real faces that they are modelled on."""
