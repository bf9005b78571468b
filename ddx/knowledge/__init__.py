"""What is known: the network format, its sources, its checks, and the networks that come with ddx."""
